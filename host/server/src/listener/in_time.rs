//! A body that has to arrive in time. A limit on its length alone lets a sender take for ever over it.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;

/// A body with a time by which it must be complete.
pub(super) struct InTime<B> {
    body: B,
    within: Duration,
    /// Made when the body is first waited for: most are there with their headers.
    until: Option<Pin<Box<Sleep>>>,
}

/// It is not.
#[derive(Debug, thiserror::Error)]
#[error("the body did not arrive within {0:?}")]
struct TooSlow(Duration);

impl<B> InTime<B> {
    pub(super) fn new(body: B, within: Duration) -> InTime<B> {
        InTime { body, within, until: None }
    }
}

impl<B> HttpBody for InTime<B>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<BoxError>,
{
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let within = self.within;
        let until = self.until.get_or_insert_with(|| Box::pin(tokio::time::sleep(within)));
        until.as_mut().poll(context).map(|()| Some(Err(TooSlow(within).into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends one byte, and then nothing more, without ever ending.
    struct Stalled(bool);

    impl HttpBody for Stalled {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
            match std::mem::replace(&mut self.0, true) {
                false => Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"{"))))),
                true => Poll::Pending,
            }
        }
    }

    #[tokio::test]
    async fn a_body_that_stalls_is_given_up() {
        let body = axum::body::Body::new(InTime::new(Stalled(false), Duration::from_millis(20)));
        let error = axum::body::to_bytes(body, 100).await.unwrap_err();
        assert!(error.to_string().contains("did not arrive within 20ms"), "{error}");
    }

    #[tokio::test]
    async fn a_body_that_is_there_is_read() {
        let body = axum::body::Body::from("all of it");
        let read = axum::body::to_bytes(axum::body::Body::new(InTime::new(body, Duration::ZERO)), 100).await;
        assert_eq!(read.unwrap(), "all of it");
    }
}
