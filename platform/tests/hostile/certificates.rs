//! Nodes with no certificate, or one that must not be believed: refused by name, told why, never heard.
//!
//! Neighbours: `forge` makes the certificates; the transports' tests have every kind of them.

use folkmoot::prelude::*;
use rcgen::{CertificateParams, date_time_ymd};

use super::forge::{Forge, uri};
use super::rig::{Rig, Victim, tight};

fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
}

fn two_uris(params: &mut CertificateParams) {
    params.subject_alt_names.push(uri("spiffe://test/node/honest"));
}

async fn rig(forge: &Forge) -> Rig {
    let target = Container::builder("tls://127.0.0.1:0").certs(forge.certs("target")).limits(tight());
    let honest = Container::builder("tls://127.0.0.1:0").certs(forge.certs("honest"));
    Rig::of(target.allow("spiffe://test/node/honest", "*", "*"), honest).await
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn bad_certificates_are_refused_and_their_holders_told() {
    let forge = Forge::new("ca");
    let rig = rig(&forge).await;
    let foreign = Forge::new("another");
    let mut refused = 0;
    for (certs, ours, theirs) in [
        (forge.dials_without_certificate(), "the certificate is missing", "we showed none"),
        (forge.bent("old", expired).unchecked(&forge), "has expired", "it has expired"),
        (foreign.node("honest").unchecked(&forge), "CA", "no CA that the peer trusts"),
        (forge.bent("two", two_uris).unchecked(&forge), "has 2 URI names", "the peer's log"),
    ] {
        // More than once: a refusal may meet the Hello on its way.
        for _ in 0..5 {
            let stray = Container::builder("tcp://127.0.0.1:0").certs(certs.clone()).start().await.unwrap();
            let error = stray.connect::<Victim>(rig.node.url("victim")).await.unwrap_err().to_string();
            assert!(error.contains(theirs), "{error} does not say {theirs}");
            refused += 1;
            rig.counted("links_refused", refused).await;
            assert_eq!(
                rig.log.with(&["a connection was refused", ours]).len(),
                (refused - 1) as usize % 5 + 1
            );
            stray.shutdown().await;
        }
    }
    assert_eq!(rig.counts.of("links_opened"), 1, "the honest one's");
    rig.end().await;
}

#[folkmoot::test(crate = crate::hostile::left_behind)]
async fn a_good_certificate_without_a_rule_learns_nothing() {
    let forge = Forge::new("ca");
    let rig = rig(&forge).await;
    let stray = Container::builder("tcp://127.0.0.1:0").certs(forge.certs("stray")).start().await.unwrap();
    for agent in ["victim", "nobody"] {
        let error = stray.connect::<Victim>(rig.node.url(agent)).await.unwrap_err();
        let reason = format!("no rule lets spiffe://test/node/stray call agent \"{agent}\"");
        assert_eq!(error, CallError::Denied { reason });
    }
    rig.counted("denials", 2).await;
    stray.shutdown().await;
    rig.end().await;
}
