use basalt_testing::{TestServer, on_both_engines};

on_both_engines! {
    live_and_ready_answer,
    metrics_are_for_services,
}

async fn live_and_ready_answer(server: TestServer) {
    server.visitor().get("/health/live").expect(200).await;
    assert_eq!(server.visitor().get("/health/ready").expect(200).await.at("/status"), "ready");
}

async fn metrics_are_for_services(server: TestServer) {
    let ann = server.user("ann").await;
    server.visitor().get("/metrics").problem(401, "unauthenticated").await;
    ann.get("/metrics").problem(403, "forbidden").await;
    server.key(&["documents:read"]).await.get("/metrics").problem(403, "scope_missing").await;
    let answer = server.key(&["admin"]).await.get("/metrics").expect(200).await;
    assert!(answer.header("content-type").unwrap().starts_with("text/plain"));
    assert!(answer.text().contains("# TYPE"), "{answer}");
}
