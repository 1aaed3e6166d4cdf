use super::*;

fn pool(most: usize, workers: u64) -> Pool<u64, u32> {
    let mut pool = Pool::new(most, 2, 100);
    for worker in 0..workers {
        pool.starting += 1;
        pool.started(worker, worker, Instant::now());
    }
    pool
}

fn key(name: &str) -> Key {
    Arc::from(name)
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "handles are lent")]
fn lively(_: &u64) -> bool {
    false
}

#[test]
fn a_call_goes_where_an_instance_waits() {
    let mut pool = pool(4, 4);
    let first = pool.take(&key("a"), &lively).unwrap();
    pool.leave(first.worker, &first.key, true, Instant::now());
    let second = pool.take(&key("a"), &lively).unwrap();
    assert_eq!((second.worker, second.version), (first.worker, first.version));
}

#[test]
fn a_worker_never_has_calls_of_two_functions() {
    let mut pool = pool(2, 2);
    let a = pool.take(&key("a"), &lively).unwrap();
    let b = pool.take(&key("b"), &lively).unwrap();
    assert_ne!(a.worker, b.worker);
    assert_eq!(pool.take(&key("c"), &lively), None);
}

#[test]
fn one_function_leaves_workers_for_the_others() {
    let mut pool = pool(8, 8);
    let stuck = |_: &u64| true;
    let workers = |pool: &mut Pool<u64, u32>, name: &str| {
        let taken: std::collections::BTreeSet<_> =
            (0..200).filter_map(|_| pool.take(&key(name), &stuck)).map(|seat| seat.worker).collect();
        taken.len()
    };
    assert_eq!(workers(&mut pool, "spin"), 4);
    assert_eq!(workers(&mut pool, "spin too"), 2);
    assert_eq!(workers(&mut pool, "good"), 1);
    assert_eq!(workers(&mut pool, "better"), 1);
}

#[test]
fn those_who_wait_are_served_in_turn_by_function() {
    let mut pool = pool(1, 1);
    let seat = pool.take(&key("a"), &lively).unwrap();
    for who in 0..3 {
        pool.wait(&key("b"), who);
    }
    pool.wait(&key("c"), 10);
    assert!(pool.settle(&lively).is_empty());
    pool.leave(seat.worker, &seat.key, false, Instant::now());
    let placed = pool.settle(&lively);
    assert_eq!(placed.iter().map(|(who, _)| *who).collect::<Vec<_>>(), [0, 1, 2]);
    for (_, seat) in placed {
        pool.leave(seat.worker, &seat.key, true, Instant::now());
    }
    assert_eq!(pool.settle(&lively)[0].0, 10);
}

#[test]
fn workers_are_started_for_those_who_wait_up_to_the_bound() {
    let mut pool: Pool<u64, u32> = Pool::new(2, 2, 100);
    pool.wait(&key("a"), 1);
    assert!(pool.start_another());
    assert!(!pool.start_another(), "one is on its way");
    pool.started(1, 1, Instant::now());
    assert_eq!(pool.settle(&lively).len(), 1);
    pool.wait(&key("b"), 2);
    assert!(pool.start_another());
    pool.started(2, 2, Instant::now());
    assert_eq!(pool.settle(&lively).len(), 1);
    pool.wait(&key("c"), 3);
    assert!(!pool.start_another());
}

#[test]
fn when_no_worker_can_be_started_nobody_waits_for_ever() {
    let mut pool: Pool<u64, u32> = Pool::new(2, 2, 100);
    pool.wait(&key("a"), 1);
    assert!(pool.start_another());
    assert_eq!(pool.failed(), [1]);
    assert_eq!(pool.waiting(), 0);
}

#[test]
fn idle_instances_are_bounded_and_the_oldest_go_first() {
    let mut pool = pool(1, 1);
    let mut forgotten = Vec::new();
    for number in 0..150 {
        let seat = pool.take(&key(&format!("f{number}")), &lively).unwrap();
        forgotten.extend(pool.leave(seat.worker, &seat.key, true, Instant::now()));
    }
    assert!(pool.idle() <= 100);
    assert_eq!(forgotten[0], (0, 1), "the first one is the oldest");
    assert_eq!(pool.take(&key("f149"), &lively).unwrap().version, 150, "the last one is there");
}

#[test]
fn idle_workers_retire_but_for_one() {
    let mut pool = pool(4, 4);
    let busy = pool.take(&key("a"), &lively).unwrap();
    let later = Instant::now() + std::time::Duration::from_secs(1);
    assert_eq!(pool.retire(later).len(), 3);
    pool.leave(busy.worker, &busy.key, false, Instant::now());
    assert_eq!(pool.retire(later).len(), 0);
    assert_eq!(pool.workers(), 1);
}
