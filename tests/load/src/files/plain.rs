//! What files are compared with: an actix-web handler that writes a body to a file and reads it back, and does nothing
//! else. A process of its own, as the server is.

use std::path::PathBuf;

use actix_web::web::{self, Data};
use actix_web::{App, HttpResponse, HttpServer};
use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;

use crate::error::Result;

/// Serves `PUT /file` and `GET /file` until it is ended; prints its address first.
#[expect(clippy::print_stdout, reason = "who started it reads where it listens")]
pub(crate) fn serve(path: PathBuf) -> Result<()> {
    let data = Data::new(path);
    let system = actix_web::rt::System::new();
    system.block_on(async move {
        let server = HttpServer::new(move || {
            let file = web::resource("/file").route(web::put().to(put)).route(web::get().to(get));
            App::new().app_data(data.clone()).service(file)
        });
        let server = server.workers(2).bind("127.0.0.1:0")?;
        println!("{}", server.addrs()[0]);
        server.run().await
    })?;
    Ok(())
}

/// Durable when it is answered, as the server's answer is.
async fn put(path: Data<PathBuf>, mut body: web::Payload) -> actix_web::Result<HttpResponse> {
    let mut file = tokio::fs::File::create(path.as_path()).await?;
    while let Some(piece) = body.next().await {
        file.write_all(&piece?).await?;
    }
    file.flush().await?;
    file.sync_all().await?;
    Ok(HttpResponse::Created().finish())
}

async fn get(path: Data<PathBuf>) -> actix_web::Result<HttpResponse> {
    use tokio::io::AsyncReadExt;
    let file = tokio::fs::File::open(path.as_path()).await?;
    let length = file.metadata().await?.len();
    let pieces = futures_util::stream::unfold(file, |mut file| async move {
        let mut piece = Vec::with_capacity(64 << 10);
        match file.read_buf(&mut piece).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(web::Bytes::from(piece)), file)),
            Err(error) => Some((Err(error), file)),
        }
    });
    Ok(HttpResponse::Ok().body(actix_web::body::SizedStream::new(length, pieces)))
}
