//! The test kit: what a handler sees of a platform in memory.

use hanzo_functions::testing::{block_on, Call, TestPlatform};
use hanzo_functions::{
    stream, Body, Context, Error, EventOut, GatewayError, Item, ItemResult, KvValue, Level, Response, Result,
    SetOptions,
};
use serde_json::{json, Value};
use std::time::Duration;

fn run<T>(test: impl std::future::Future<Output = Result<T>>) -> T {
    block_on(test).unwrap()
}

#[test]
fn kv_does_what_the_gateway_does() {
    run(async {
        let kv = TestPlatform::new().kv();
        kv.set("text", "grüße").await?;
        assert_eq!(kv.get("text").await?.as_deref(), Some("grüße"));
        kv.set("bytes", vec![0xff, 0]).await?;
        assert_eq!(kv.get_bytes("bytes").await?.as_deref(), Some(&[0xff, 0][..]));
        kv.set("json", KvValue::json(&json!({"n": [1]}))?).await?;
        assert_eq!(kv.get_json::<Value>("json").await?, Some(json!({"n": [1]})));
        let once = SetOptions {
            nx: true,
            ttl: Some(Duration::from_secs(9)),
            ..SetOptions::default()
        };
        assert!(kv.set_with("once", 1_i64, once).await?);
        assert!(!kv.set_with("once", 2_i64, once).await?);
        assert!(kv.ttl("once").await? > 8.0);
        assert_eq!((kv.ttl("text").await?, kv.ttl("none").await?), (-1.0, -2.0));
        assert_eq!((kv.incr("n", 5).await?, kv.incr("n", -2).await?), (5, 3));
        assert_eq!(kv.hset("h", [("a", "1"), ("b", "2")]).await?, 2);
        assert_eq!(kv.hget("h", "b").await?.as_deref(), Some("2"));
        assert_eq!(kv.hdel("h", ["a", "x"]).await?, 1);
        assert_eq!(kv.hgetall("h").await?.len(), 1);
        assert_eq!(kv.lpush("l", ["a", "b"]).await?, 2);
        assert_eq!(kv.rpop("l").await?.as_deref(), Some("a"));
        assert_eq!((kv.llen("l").await?, kv.exists(["l", "none"]).await?), (1, 1));
        assert_eq!(kv.scan("t*").all().await?, ["text"]);
        assert_eq!(kv.delete(["text", "none"]).await?, 1);
        let refused = kv.get("h").await.unwrap_err();
        assert_eq!((refused.code.as_str(), refused.status), ("conflict", 409));
        assert_eq!(kv.get("").await.unwrap_err().status, 400);
        Ok(())
    });
}

#[test]
fn storage_keeps_streams_and_gives_ranges() {
    run(async {
        let storage = TestPlatform::new().storage();
        let pieces = stream::iter(["0123", "4567"]);
        let stored = storage.put_stream("a/one", pieces, Some("text/plain")).await?;
        assert_eq!((stored.key.as_str(), stored.size), ("a/one", 8));
        let part = storage.open_range("a/one", 2..5).await?.read_to_end().await?;
        assert_eq!(part, "234");
        let head = storage.head("a/one").await?.unwrap();
        assert_eq!((head.size, head.content_type.as_str()), (8, "text/plain"));
        assert_eq!(storage.list("a/").all().await?.len(), 1);
        let failing = stream::iter([Err::<&str, _>(Error::new("no more"))]);
        assert!(storage.put_stream("a/two", failing, None).await.is_err());
        storage.delete("a/one").await?;
        assert_eq!(storage.head("a/one").await?, None);
        assert_eq!(storage.get("a/../b").await.unwrap_err().status, 400);
        Ok(())
    });
}

async fn batches(ctx: Context) -> Result<Response> {
    let items = ctx.batch().unwrap_or_default();
    let result = |item: &Item| match item.data.get::<i64>("n") {
        Ok(n) => ItemResult::output(item.id.clone(), n + 1),
        Err(error) => ItemResult::permanent(item.id.clone(), error.to_string()),
    };
    Ok(Response::batch(items.iter().map(result)))
}

#[test]
fn batches_and_events_come_as_the_server_gives_them() {
    run(async {
        let platform = TestPlatform::new();
        let call = Call::batch([("a", json!({"n": 1})), ("b", json!({}))]);
        let answer = platform.invoke(batches, call).await?.json()?;
        assert_eq!(answer["results"][0], json!({"id": "a", "output": 2}));
        assert_eq!(answer["results"][1]["error"]["kind"], "permanent");
        async fn back(ctx: Context) -> Response {
            let kind = ctx.event().map_or("", |event| event.kind()).to_owned();
            Response::event(EventOut::new(kind, ctx.data().value().clone()))
        }
        let answer = platform
            .invoke(back, Call::event("made", json!({"n": 1})))
            .await?;
        assert_eq!(answer.header("ce-type"), Some("made"));
        assert_eq!(answer.header("CE-Source"), Some("/functions/function"));
        assert_eq!(answer.json()?, json!({"n": 1}));
        Ok(())
    });
}

async fn upper(ctx: Context, mut body: Body) -> Result<Response> {
    assert!(ctx.body().is_empty());
    ctx.log()
        .with(Level::Warn, "reading", json!({"path": ctx.path()}));
    let text = String::from_utf8(body.read_to_end().await?.to_vec())?;
    Ok(Response::stream(stream::generate(|out| async move {
        for word in text.split(' ') {
            out.send(word.to_uppercase()).await;
        }
        Ok(())
    })))
}

#[test]
fn streams_go_in_and_out_and_logs_are_kept() {
    run(async {
        let platform = TestPlatform::new();
        let call = Call::body("a b c", "text/plain").path("/up?x=1").method("PUT");
        let answer = platform.invoke(upper, call).await?;
        assert_eq!(answer.text()?, "ABC");
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
        let logs = platform.logs();
        assert_eq!((logs[0].level, logs[0].msg.as_str()), (Level::Warn, "reading"));
        assert_eq!(logs[0].fields["path"], "/up");
        Ok(())
    });
}

#[test]
fn values_of_any_kind_are_answers() {
    run(async {
        let platform = TestPlatform::new();
        async fn list(_: Context) -> Result<Vec<u32>> {
            Ok(vec![1, 2])
        }
        async fn nothing(_: Context) -> Result<()> {
            Ok(())
        }
        async fn fails(_: Context) -> Result<Value, String> {
            Err("in words".to_owned())
        }
        assert_eq!(platform.invoke(list, Call::empty()).await?.json()?, json!([1, 2]));
        assert_eq!(platform.invoke(nothing, Call::empty()).await?.status, 204);
        let failed = platform.invoke(fails, Call::empty()).await.unwrap_err();
        assert_eq!(failed.to_string(), "in words");
        let context = platform.context(Call::empty())?;
        let missing = context.model("none").await.unwrap_err();
        assert!(missing.downcast_ref::<GatewayError>().is_some());
        assert!(context.accept().await.is_err());
        assert!(context.publish("mq.dlq.x", &1).await.is_err());
        Ok(())
    });
}
