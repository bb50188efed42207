//! Alertmanager's name for a set of labels.

use tidegate_domain::labels::Labels;

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// FNV-1a with 64 bits over the labels sorted by name, `name 0xFF value 0xFF` each; 16 hexadecimal digits.
/// As in `prometheus/common/model/signature.go`.
pub(crate) fn fingerprint(labels: &Labels) -> String {
    let bytes = labels.iter().flat_map(|(name, value)| name.bytes().chain([0xff]).chain(value.bytes()).chain([0xff]));
    let hash = bytes.fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captured_fingerprints_come_out_the_same() {
        let mut seen = 0;
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/webhook/testdata");
        for entry in std::fs::read_dir(folder).unwrap() {
            let body = std::fs::read(entry.unwrap().path()).unwrap();
            let delivery: serde_json::Value = serde_json::from_slice(&body).unwrap();
            for alert in delivery["alerts"].as_array().into_iter().flatten() {
                let labels: Labels = serde_json::from_value(alert["labels"].clone()).unwrap();
                assert_eq!(Some(fingerprint(&labels).as_str()), alert["fingerprint"].as_str(), "{labels}");
                seen += 1;
            }
        }
        assert_eq!(seen, 15);
    }
}
