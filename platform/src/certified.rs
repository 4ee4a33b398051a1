//! Certificates while the node runs: changed files are taken, refused ones told, links of revoked peers closed.
//!
//! Always true: a link whose peer was revoked does not outlive the next look at the files. Each reload and each
//! distinct refusal is logged once and counted. Neighbours: `transports` reads and judges the files; the
//! [`listener`](crate::listener) and [`peer`](crate::peer) enter their links here.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use folkmoot_transports::{CertificateFault, CertsError, CertsInUse, Leaf, PeerCertificate, SslCerts};

use crate::link::Link;
use crate::link_time;
use crate::tables::Tables;

/// The least length at which the table of links is cleared of those that have ended.
const LEAST_CLEARED: usize = 16;

/// The links whose peers have shown a certificate.
#[derive(Default)]
pub(crate) struct CertifiedLinks {
    certs: Option<SslCerts>,
    links: Mutex<Entered>,
}

#[derive(Default)]
struct Entered {
    links: Vec<(Weak<Link>, PeerCertificate)>,
    /// The length at which it is cleared.
    full: usize,
}

impl CertifiedLinks {
    pub(crate) fn new(certs: Option<SslCerts>) -> CertifiedLinks {
        CertifiedLinks { certs, links: Mutex::default() }
    }

    /// Whether the container has certificates.
    pub(crate) fn has_certs(&self) -> bool {
        self.certs.is_some()
    }

    fn entered(&self) -> MutexGuard<'_, Entered> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a link, to be closed if its peer is revoked.
    ///
    /// # Errors
    /// The peer was revoked since its handshake began.
    pub(crate) fn enter(
        &self,
        link: &Arc<Link>,
        certificate: Option<PeerCertificate>,
    ) -> Result<(), CertificateFault> {
        let (Some(certs), Some(certificate)) = (&self.certs, certificate) else { return Ok(()) };
        if certs.is_from_files() {
            let mut entered = self.entered();
            if entered.links.len() >= entered.full.max(LEAST_CLEARED) {
                entered.links.retain(|(link, _)| link.strong_count() > 0);
                entered.full = entered.links.len().saturating_mul(2);
            }
            entered.links.push((Arc::downgrade(link), certificate.clone()));
        }
        link.prove(certificate.clone());
        // Asked once it is entered: whatever is revoked from now on finds it there.
        certs.check_revoked(&certificate)
    }

    /// Closes the links of peers that are revoked.
    fn close_revoked(&self) {
        let Some(certs) = &self.certs else { return };
        let revoked: Vec<Arc<Link>> = {
            let entered = self.entered();
            let of_revoked = entered.links.iter().filter(|(_, peer)| certs.check_revoked(peer).is_err());
            of_revoked.filter_map(|(link, _)| link.upgrade()).collect()
        };
        for link in revoked.iter().filter(|link| link.end().is_none()) {
            let (peer, principal) = (&link.peer_address, &link.peer);
            tracing::warn!(%peer, %principal, "a link is closed: the peer's certificate is revoked");
            link.close(&CertificateFault::Revoked.to_string());
        }
    }
}

/// Looks at the files for ever, and tells what comes of it.
pub(crate) async fn watch(certs: SslCerts, tables: Arc<Tables>) {
    let mut told = Told { in_use: certs.in_use(), refused: None };
    told.warn_of(None, &tables);
    loop {
        link_time::sleep(tables.limits.certs_check_time).await;
        let certs = certs.clone();
        // Files may lie on a disk that answers late.
        let look = move || (certs.reload(), certs.in_use());
        match tokio::task::spawn_blocking(look).await {
            Ok((looked, in_use)) => told.tell(looked.err().as_ref(), in_use, &tables),
            Err(error) => tracing::error!(%error, "the certificates' files could not be looked at"),
        }
    }
}

/// What was told of the certificates last.
struct Told {
    in_use: CertsInUse,
    refused: Option<String>,
}

impl Told {
    fn tell(&mut self, refused: Option<&CertsError>, in_use: CertsInUse, tables: &Tables) {
        let before = std::mem::replace(&mut self.in_use, in_use);
        // By its count, not by whose look took it: another holder of these certificates may have been quicker.
        if self.in_use.generation != before.generation {
            tables
                .counters
                .certs_reloaded
                .increment(self.in_use.generation.saturating_sub(before.generation));
            let serial = |in_use: &CertsInUse| in_use.own.as_ref().map(|own| own.serial().to_owned());
            let valid_until = self.in_use.own.as_ref().map(Leaf::valid_until);
            tracing::info!(
                node = tables.principal.node_name(),
                old = serial(&before),
                new = serial(&self.in_use),
                valid_until,
                "the certificates have changed; new links use them"
            );
            tables.certified.close_revoked();
        }
        self.warn_of(Some(&before), tables);
        let refused = refused.map(CertsError::to_string);
        if let Some(reason) = refused.as_ref().filter(|_| refused != self.refused) {
            tables.counters.certs_refused.increment(1);
            tracing::warn!(
                node = tables.principal.node_name(),
                %reason,
                "changed certificates were refused; the old ones stay in use"
            );
        }
        self.refused = refused;
    }

    /// Says what is not as it should be with certificates that are in use, unless it was so `before`.
    fn warn_of(&self, before: Option<&CertsInUse>, tables: &Tables) {
        let node = tables.principal.node_name();
        if self.in_use.own_revoked && !before.is_some_and(|before| before.own_revoked) {
            tracing::error!(node, "this node's own certificate is revoked: peers that know it refuse it");
        }
        if let Some(place) = &self.in_use.overdue_list
            && before.is_none_or(|before| before.overdue_list.is_none())
        {
            tracing::error!(node, %place, "a revocation list is past its date: it counts, but new ones are missing");
        }
    }
}
