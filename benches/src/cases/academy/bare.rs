//! The floors of a front door: a server that reads a request and answers, and one that first appends its body to a file.
//!
//! Always true: it is hyper on the same runtime as ours and looks at nothing but the path; what goes to `/message` is
//! appended, with group commit, where there is a file. Neighbours: [`Append`] is the file, [`load`](super::load) asks.

use std::convert::Infallible;
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;

use http_body::Body;
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

use crate::Result;
use crate::cases::exchange::append::Append;

/// What every request is answered with: as long as a status.
const ANSWER: &str = r#"{"status": "ACTIVE"}"#;

/// Serves until the process ends; a record for each message in `file`, where there is one.
pub(super) async fn serve(listener: TcpListener, file: Option<&Path>) -> Result<()> {
    let append = file.map(Append::open).transpose()?.map(Arc::new);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let append = append.clone();
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(request, append.clone()));
            let mut http = http1::Builder::new();
            // A client that goes away ends its connection with an error, and that is all there is to it.
            http.title_case_headers(true).serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    append: Option<Arc<Append>>,
) -> std::result::Result<Response<Whole>, Infallible> {
    let is_message = request.uri().path() == "/message";
    let mut body = request.into_body();
    let mut bytes = Vec::new();
    while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut body).poll_frame(cx)).await {
        if let Ok(data) = frame.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    let mut response = Response::new(Whole(Some(Bytes::from_static(ANSWER.as_bytes()))));
    if let Some(append) = append.filter(|_| is_message)
        && append.append(bytes).await.is_err()
    {
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
    }
    Ok(response)
}

/// A body that is there.
struct Whole(Option<Bytes>);

impl Body for Whole {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<std::result::Result<http_body::Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.take().map(|bytes| Ok(http_body::Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        http_body::SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
    }
}
