//! The threads that pictures are worked on.

use std::time::Duration;

use basalt_core::{Code, Error};
use basalt_images::{Capacity, Workers};
use tokio::sync::oneshot;

const MB: u64 = 1 << 20;

fn capacity() -> Capacity {
    Capacity { bytes: 8 * MB, jobs: 4, queue: 2, time: Duration::from_mins(1) }
}

#[tokio::test]
async fn a_job_is_done_and_its_answer_comes() {
    let workers = Workers::new(capacity());
    let turn = workers.admit(MB).await.unwrap();
    assert_eq!(turn.run(|_| Ok(7)).await.unwrap(), 7);
    let turn = workers.admit(MB).await.unwrap();
    let refused = turn.run(|_| Err::<(), _>(Error::new(Code::BadImage, "broken"))).await.unwrap_err();
    assert_eq!(refused.code(), Code::BadImage);
}

#[tokio::test]
async fn a_panic_is_one_bad_picture_and_counted() {
    let workers = Workers::new(capacity());
    for _ in 0..10 {
        let turn = workers.admit(8 * MB).await.unwrap();
        let refused = turn.run(|_| if true { panic!("a codec's bug") } else { Ok(()) }).await.unwrap_err();
        assert_eq!(refused.code(), Code::BadImage);
    }
    assert_eq!(workers.panics(), 10);
    assert_eq!(workers.admit(MB).await.unwrap().run(|_| Ok(1)).await.unwrap(), 1);
}

#[tokio::test]
async fn running_jobs_never_hold_more_bytes_than_there_are_and_a_larger_one_runs_alone() {
    let workers = Workers::new(capacity());
    let first = workers.admit(5 * MB).await.unwrap();
    let second = workers.admit(3 * MB).await.unwrap();
    let mut third = std::pin::pin!(workers.admit(900 * MB));
    assert!(polled(&mut third).await.is_none(), "the third waits for all bytes");
    drop(first);
    assert!(polled(&mut third).await.is_none());
    drop(second);
    let third = third.await.unwrap();
    let mut fourth = std::pin::pin!(workers.admit(1));
    assert!(polled(&mut fourth).await.is_none(), "nothing runs beside it");
    drop(third);
    fourth.await.unwrap();
    assert_eq!(workers.most_bytes(), 8 * MB);
}

#[tokio::test]
async fn who_comes_when_too_many_wait_is_told_so_at_once() {
    let workers = Workers::new(capacity());
    let _running = workers.admit(8 * MB).await.unwrap();
    // Four may run and two wait: five of them are there beside the first.
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(workers.admit(8 * MB))).collect();
    for one in &mut waiting {
        assert!(polled(one).await.is_none());
    }
    let refused = polled(&mut Box::pin(workers.admit(1))).await.unwrap().err().unwrap();
    assert_eq!(refused.code(), Code::Overloaded);
    assert!(refused.retry_after_hint().is_some());
    // Whoever goes makes room.
    waiting.pop();
    assert!(polled(&mut Box::pin(workers.admit(1))).await.is_none());
}

#[tokio::test]
async fn a_job_that_takes_too_long_isnt_waited_for_but_counts_until_it_ends() {
    let workers = Workers::new(Capacity { time: Duration::from_millis(50), ..capacity() });
    let (go, gone) = oneshot::channel::<()>();
    let turn = workers.admit(8 * MB).await.unwrap();
    let slow = turn.run(move |_| gone.blocking_recv().map_err(Error::internal)).await.unwrap_err();
    assert_eq!(slow.code(), Code::Timeout);
    assert_eq!(workers.admit(MB).await.err().unwrap().code(), Code::Timeout);
    go.send(()).unwrap();
    while workers.admit(8 * MB).await.is_err() {}
}

async fn polled<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(done) => Some(done),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
