//! A remote call through two containers.

use std::time::Duration;

use folkmoot::LinkLimits;
use folkmoot::prelude::*;

use super::{DRIVER, SERVER, text};
use crate::agents::Counter;
use crate::child::{orders, tell};
use crate::role::{Drive, Serve};
use crate::tasks::in_flight;

/// A container, with TLS where there are certificates.
async fn container(
    certs: Option<&std::path::Path>,
    node: &str,
    codec: Codec,
    gather_ms: u64,
) -> crate::Result<Container> {
    let mut limits = LinkLimits::default();
    limits.gather_time = Duration::from_millis(gather_ms);
    let builder = match certs {
        None => Container::builder("tcp://127.0.0.1:0").name(node),
        Some(dir) => Container::builder("tls://127.0.0.1:0").certs(DevCerts::in_dir(dir)?.node(node)?),
    };
    let caller = match certs {
        None => "*".to_owned(),
        Some(dir) => DevCerts::in_dir(dir)?.spiffe_id(DRIVER),
    };
    let builder = builder.codec(codec).limits(limits);
    Ok(builder.allow(&caller, "echo", "echo").allow(&caller, "sink", "length").start().await?)
}

pub(super) fn serve(serve: &Serve) -> crate::Result<()> {
    folkmoot::block_on(async {
        let hall = container(serve.certs.as_deref(), SERVER, Codec::MsgPack, serve.gather_ms).await?;
        hall.spawn("echo", Counter::default).await?;
        hall.spawn("sink", Counter::default).await?;
        tell(hall.url("echo"))?;
        while orders().recv().await.is_some() {}
        hall.shutdown().await;
        Ok(())
    })
}

pub(super) fn drive(drive: &Drive) -> crate::Result<()> {
    folkmoot::block_on(async {
        let hall = container(drive.certs.as_deref(), DRIVER, drive.codec, 0).await?;
        let echo: Proxy<Counter> = hall.connect(drive.to.as_str()).await?;
        let text = text(drive.text_bytes);
        let mut orders = orders();
        while let Some(calls) = orders.recv().await {
            let (echo, text) = (echo.clone(), text.clone());
            let call = move || {
                let (sent, length) = (echo.echo(text.clone()), text.len());
                async move { assert_eq!(sent.await.expect("the echo answers").len(), length) }
            };
            tell(in_flight(drive.in_flight, calls, call).await?.as_nanos())?;
        }
        hall.shutdown().await;
        Ok(())
    })
}
