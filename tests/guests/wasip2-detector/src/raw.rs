//! WASI as it is, for what the standard library would not do. Only what is used of it, under a version that the standard
//! library does not use: of one version, two parts that differ would not merge into one component.

use std::hint::black_box;

wit_bindgen::generate!({
    inline: r"
        package tidegate:fixture;

        world raw {
            import wasi:cli/stdout@0.2.1;
            import wasi:clocks/monotonic-clock@0.2.1;
            import wasi:random/random@0.2.1;
        }

        package wasi:io@0.2.1 {
            interface error {
                resource error;
            }
            interface poll {
                resource pollable;
                poll: func(in: list<borrow<pollable>>) -> list<u32>;
            }
            interface streams {
                use error.{error};
                variant stream-error {
                    last-operation-failed(error),
                    closed,
                }
                resource output-stream {
                    write: func(contents: list<u8>) -> result<_, stream-error>;
                }
            }
        }

        package wasi:cli@0.2.1 {
            interface stdout {
                use wasi:io/streams@0.2.1.{output-stream};
                get-stdout: func() -> output-stream;
            }
        }

        package wasi:clocks@0.2.1 {
            interface monotonic-clock {
                use wasi:io/poll@0.2.1.{pollable};
                type duration = u64;
                subscribe-duration: func(when: duration) -> pollable;
            }
        }

        package wasi:random@0.2.1 {
            interface random {
                get-random-bytes: func(len: u64) -> list<u8>;
            }
        }
    ",
    generate_all,
});

use wasi::cli::stdout::get_stdout;
use wasi::clocks::monotonic_clock::subscribe_duration;
use wasi::io::poll::poll;
use wasi::random::random::get_random_bytes;

const HOUR: u64 = 3_600_000_000_000;

/// Timers, each kept, without end.
pub(crate) fn hoard_pollables() -> String {
    let mut hoard = Vec::new();
    loop {
        hoard.push(subscribe_duration(HOUR));
        black_box(&mut hoard);
    }
}

/// Handles to the output, each kept, without end.
pub(crate) fn hoard_streams() -> String {
    let mut hoard = Vec::new();
    loop {
        hoard.push(get_stdout());
        black_box(&mut hoard);
    }
}

/// As many timers as there is room for, again and again, each dropped.
pub(crate) fn many_pollables() -> String {
    for _ in 0..100 {
        let hoard: Vec<_> = (0..1000).map(|hour| subscribe_duration(hour * HOUR)).collect();
        black_box(&hoard);
    }
    "room again".to_owned()
}

/// One timer, a million times in one list.
pub(crate) fn poll_a_million() -> String {
    let timer = subscribe_duration(HOUR);
    format!("{:?}", poll(&vec![&timer; 1_000_000]).len())
}

/// One timer, more often in one list than there can be.
pub(crate) fn poll_too_many() -> String {
    let timer = subscribe_duration(HOUR);
    format!("{:?}", poll(&vec![&timer; 2000]).len())
}

/// Waits for none.
pub(crate) fn poll_nothing() -> String {
    format!("{:?}", poll(&[]))
}

/// Four gigabytes of random bytes.
pub(crate) fn gigabytes_of_random() -> String {
    format!("{:?}", get_random_bytes(4 << 30).len())
}

/// As many as one call brings, without end.
pub(crate) fn random_without_end() -> String {
    loop {
        black_box(get_random_bytes(64 << 10));
    }
}

/// More in one write than the output takes.
pub(crate) fn write_too_much() -> String {
    format!("{:?}", get_stdout().write(&[b'x'; 4097]))
}

/// More in one write than the host takes in at all.
pub(crate) fn write_far_too_much() -> String {
    format!("{:?}", get_stdout().write(&vec![b'x'; 64 << 20]))
}
