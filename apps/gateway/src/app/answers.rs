//! The answers under way on one connection. One that its client does not take, or that its service does not go on
//! with, lets go of what it holds: the body of the service behind it, its place, its hold on the connection.

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes, HttpBody};
use axum::response::Response;

/// Answers whose bodies are still being sent. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Answers(Arc<Mutex<Vec<Arc<Mutex<State>>>>>);

/// What an answer keeps until it has been sent.
pub type Kept = Box<dyn Any + Send>;

#[derive(Debug)]
struct State {
    /// None once it has let go.
    body: Option<Body>,
    kept: Option<Kept>,
    /// When the client last had room for more.
    asked: Instant,
    /// Who is woken when the service goes on, while that is what is waited for.
    waiting: Option<Waker>,
}

/// Why the answer ends in the middle.
#[derive(Debug, thiserror::Error)]
#[error("nothing of the answer moved for too long")]
struct Lapsed;

/// An answer's body that can be made to let go.
struct Watched {
    answers: Answers,
    state: Arc<Mutex<State>>,
}

impl Answers {
    /// Keeps something for as long as the answer's body is being sent.
    pub fn keeping(&self, answer: Response, kept: Option<Kept>) -> Response {
        answer.map(|body| {
            let state = State { body: Some(body), kept, asked: Instant::now(), waiting: None };
            let state = Arc::new(Mutex::new(state));
            self.all().push(state.clone());
            Body::new(Watched { answers: self.clone(), state })
        })
    }

    /// Makes those let go of which nothing has moved within this time. Says whether one of them was not taken by its
    /// client and no other is under way.
    pub fn lapse(&self, within: Duration, now: Instant) -> bool {
        let mut all = self.all();
        let old =
            |answer: &mut Arc<Mutex<State>>| now.saturating_duration_since(locked(answer).asked) >= within;
        let lapsed: Vec<_> = all.extract_if(.., old).collect();
        let rest = all.len();
        drop(all);
        let mut untaken = false;
        for answer in lapsed {
            let mut state = locked(&answer);
            let (body, kept, waiting) = (state.body.take(), state.kept.take(), state.waiting.take());
            drop(state);
            drop((body, kept));
            untaken |= waiting.is_none();
            // Its connection learns of it when it looks at the body again.
            waiting.into_iter().for_each(Waker::wake);
            metrics::counter!("gateway_answers_lapsed_total").increment(1);
        }
        untaken && rest == 0
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Mutex<State>>>> {
        locked(&self.0)
    }
}

/// What is behind it is whole between any two statements that can panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let mut state = locked(&self.state);
        let Some(body) = &mut state.body else {
            return Poll::Ready(Some(Err(axum::Error::new(Lapsed))));
        };
        let polled = Pin::new(body).poll_frame(context);
        state.asked = Instant::now();
        state.waiting = polled.is_pending().then(|| context.waker().clone());
        polled
    }

    fn is_end_stream(&self) -> bool {
        locked(&self.state).body.as_ref().is_some_and(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> http_body::SizeHint {
        locked(&self.state).body.as_ref().map(HttpBody::size_hint).unwrap_or_default()
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.answers.all().retain(|answer| !Arc::ptr_eq(answer, &self.state));
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::BodyExt;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    fn silent() -> Body {
        let first = stream::once(async { Ok::<_, axum::Error>(Bytes::from_static(b"first")) });
        Body::from_stream(futures::StreamExt::chain(first, stream::pending()))
    }

    #[tokio::test]
    async fn what_is_not_taken_lets_go_and_what_moves_does_not() {
        let (answers, kept) = (Answers::default(), Arc::new(()));
        let keep = || -> Option<Kept> { Some(Box::new(kept.clone())) };
        let _untaken = answers.keeping(Response::new(silent()), keep());
        let mut taken = answers.keeping(Response::new(silent()), keep()).into_body();
        let later = Instant::now() + LONG;
        taken.frame().await.unwrap().unwrap();
        assert!(!answers.lapse(LONG, later), "another is under way");
        assert_eq!(Arc::strong_count(&kept), 2, "the one that was taken moved since");
        drop(taken);
        assert_eq!((Arc::strong_count(&kept), answers.all().len()), (1, 0));
        let _untaken = answers.keeping(Response::new(silent()), keep());
        assert!(answers.lapse(LONG, Instant::now() + LONG), "nothing else is under way");
    }

    #[tokio::test]
    async fn what_its_service_does_not_go_on_with_ends_by_itself() {
        let answers = Answers::default();
        let mut body = answers.keeping(Response::new(silent()), None).into_body();
        body.frame().await.unwrap().unwrap();
        let mut waiting = Box::pin(body.frame());
        assert!(futures::poll!(waiting.as_mut()).is_pending());
        assert!(!answers.lapse(LONG, Instant::now() + LONG), "its client is not to blame");
        assert!(waiting.await.unwrap().is_err(), "it must not be taken for whole");
    }
}
