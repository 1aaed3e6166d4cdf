//! Waking those who wait for an answer. A wake from another thread is a system call, and one for each of a group's
//! answers took a tenth of the time of small writes: those who wait on one thread are woken there, all by one call.

use std::cell::RefCell;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::oneshot;

/// A way for one answer: who gives it has it as a box for the waker's sake alone, the value goes by `tokio`'s channel.
pub(crate) fn answer<T>() -> (Reply<T>, Answer<T>) {
    let (sender, receiver) = oneshot::channel();
    let bell = Arc::new(Bell::default());
    (Reply { sender: Some(sender), bell: Arc::clone(&bell) }, Answer { receiver, bell })
}

/// The answerer's end. Dropped unused, the other end learns so.
pub(crate) struct Reply<T> {
    sender: Option<oneshot::Sender<T>>,
    bell: Arc<Bell>,
}

impl<T> Reply<T> {
    pub(crate) fn send(mut self, value: T, rings: &mut Rings) {
        // A caller who has gone doesn't want to know.
        drop(self.sender.take().map(|sender| sender.send(value)));
        rings.add(&self.bell);
    }
}

impl<T> Drop for Reply<T> {
    fn drop(&mut self) {
        if self.sender.take().is_some() {
            Rings::default().add(&self.bell);
        }
    }
}

/// The caller's end: `None` where nobody answers any more.
pub(crate) struct Answer<T> {
    receiver: oneshot::Receiver<T>,
    bell: Arc<Bell>,
}

impl<T> Future for Answer<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        if self.bell.rang(context.waker()) { Poll::Ready(self.receiver.try_recv().ok()) } else { Poll::Pending }
    }
}

#[derive(Default)]
struct Bell(Mutex<Waiting>);

#[derive(Default)]
struct Waiting {
    rang: bool,
    who: Option<(Option<Arc<Post>>, Waker)>,
}

impl Bell {
    fn rang(&self, waker: &Waker) -> bool {
        let mut waiting = lock(&self.0);
        if !waiting.rang {
            waiting.who = Some((Post::of_this_thread(), waker.clone()));
        }
        waiting.rang
    }
}

/// Who is to be woken; is done when this is dropped.
#[derive(Default)]
pub(crate) struct Rings(Vec<(Option<Arc<Post>>, Vec<Waker>)>);

impl Rings {
    fn add(&mut self, bell: &Bell) {
        let who = {
            let mut waiting = lock(&bell.0);
            waiting.rang = true;
            waiting.who.take()
        };
        // Nobody: who begins to wait only now sees that it rang.
        let Some((post, waker)) = who else { return };
        let same = |at: &Option<Arc<Post>>| at.as_ref().map(Arc::as_ptr) == post.as_ref().map(Arc::as_ptr);
        match self.0.iter_mut().find(|(at, _)| same(at)) {
            Some((_, wakers)) => wakers.push(waker),
            None => self.0.push((post, vec![waker])),
        }
    }
}

impl Drop for Rings {
    fn drop(&mut self) {
        for (post, wakers) in self.0.drain(..) {
            match post {
                Some(post) => post.deliver(wakers),
                None => wakers.into_iter().for_each(Waker::wake),
            }
        }
    }
}

/// Where a thread that runs a runtime of its own has its wakers brought to.
#[derive(Default)]
struct Post(Mutex<Held>);

#[derive(Default)]
struct Held {
    wakers: Vec<Waker>,
    /// The postman, where he sleeps.
    postman: Option<Waker>,
    /// The runtime has ended.
    closed: bool,
}

thread_local! {
    static POST: RefCell<Option<Arc<Post>>> = const { RefCell::new(None) };
}

impl Post {
    /// `None` where tasks move between threads.
    fn of_this_thread() -> Option<Arc<Self>> {
        POST.with_borrow_mut(|held| {
            if let Some(post) = held.as_ref().filter(|post| !lock(&post.0).closed) {
                return Some(Arc::clone(post));
            }
            let runtime = Handle::try_current().ok()?;
            if runtime.runtime_flavor() != RuntimeFlavor::CurrentThread {
                return None;
            }
            let post = Arc::new(Self::default());
            drop(runtime.spawn(Postman(Arc::clone(&post))));
            *held = Some(Arc::clone(&post));
            Some(post)
        })
    }

    fn deliver(&self, wakers: Vec<Waker>) {
        let (direct, postman) = {
            let mut held = lock(&self.0);
            if held.closed {
                (wakers, None)
            } else {
                held.wakers.extend(wakers);
                (Vec::new(), held.postman.take())
            }
        };
        direct.into_iter().chain(postman).for_each(Waker::wake);
    }
}

/// Wakes on its own thread, which costs next to nothing.
struct Postman(Arc<Post>);

impl Future for Postman {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let wakers = {
            let mut held = lock(&self.0.0);
            held.postman = Some(context.waker().clone());
            mem::take(&mut held.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
        Poll::Pending
    }
}

impl Drop for Postman {
    fn drop(&mut self) {
        let wakers = {
            let mut held = lock(&self.0.0);
            held.closed = true;
            mem::take(&mut held.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers from another thread, all at once, what `count` callers on one runtime wait for.
    fn answered(runtime: &tokio::runtime::Runtime, count: usize) -> Vec<Option<usize>> {
        runtime.block_on(async {
            let (replies, answers): (Vec<_>, Vec<_>) = (0..count).map(|_| answer::<usize>()).unzip();
            let waiting = futures_util::future::join_all(answers);
            let answering = tokio::task::spawn_blocking(move || {
                let mut rings = Rings::default();
                for (n, reply) in replies.into_iter().enumerate() {
                    // Of each three the last is dropped.
                    if n % 3 < 2 {
                        reply.send(n, &mut rings);
                    }
                }
            });
            let answers = waiting.await;
            answering.await.unwrap();
            answers
        })
    }

    #[test]
    fn everybody_learns_his_answer_on_every_kind_of_runtime() {
        let own = || tokio::runtime::Builder::new_current_thread().build().unwrap();
        let shared = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        let expected: Vec<Option<usize>> = (0..100).map(|n| (n % 3 < 2).then_some(n)).collect();
        // A second one on the same thread: the first one's post has closed.
        for runtime in [own(), own(), shared] {
            for _ in 0..20 {
                assert_eq!(answered(&runtime, 100), expected);
            }
        }
    }

    #[test]
    fn an_answer_that_came_before_anybody_waited_is_there() {
        let (reply, answer) = answer();
        reply.send(7, &mut Rings::default());
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(runtime.block_on(answer), Some(7));
    }

    #[test]
    fn who_waits_on_a_runtime_that_ends_holds_up_nobody() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let (reply, mut gone) = answer::<u8>();
        runtime.block_on(async {
            // Begins to wait, and no more.
            assert!(futures_util::poll!(&mut gone).is_pending());
        });
        drop(runtime);
        reply.send(1, &mut Rings::default());
        let next = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(next.block_on(gone), Some(1));
    }
}
