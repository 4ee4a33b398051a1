//! How many dialogues others may begin with an agent: so many for each node, whatever it calls its agents.
//!
//! Always true: a dialogue that another side has begun counts while it is open, and no longer. By its address alone the rules
//! count, and that a peer may choose anew each time; who have proven nothing are counted together. Neighbours:
//! [`judging`](super::judging) asks before a dialogue begins, [`desk`](super::desk) has the dialogues.

use folkmoot_codecs::Principal;
use folkmoot_protocols::dialogue::{DialogueId, Refusal};
use folkmoot_protocols::typed::Conversed;

use super::desk::Desk;

impl<P: Conversed> Desk<P> {
    /// Whether the node of `caller` may begin one more dialogue.
    ///
    /// # Errors
    /// It has as many open as one peer may have, or all who have proven nothing may.
    pub(super) fn check_room(&self, caller: &Principal) -> Result<(), Refusal> {
        let begun = self.begun_by.borrow().get(caller.node_name()).copied().unwrap_or(0);
        let dialogues = self.dialogues.borrow();
        match caller.is_anonymous() {
            true => match dialogues.limits().open_unproven {
                limit if begun < limit => Ok(()),
                limit => Err(Refusal::TooManyUnproven { limit }),
            },
            false => match dialogues.limits().open_per_peer {
                limit if begun < limit => Ok(()),
                limit => Err(Refusal::TooManyWithPeer { peer: caller.node_name().to_owned(), limit }),
            },
        }
    }

    /// Counts a dialogue that another side has begun, as long as it is open.
    pub(super) fn count(&self, id: DialogueId) {
        let mut beside = self.beside.borrow_mut();
        let Some(beside) = beside.get_mut(&id).filter(|beside| !beside.is_counted) else { return };
        let Some(principal) = &beside.principal else { return };
        beside.is_counted = true;
        *self.begun_by.borrow_mut().entry(principal.node_name().into()).or_default() += 1;
    }

    /// It is open no more.
    pub(super) fn uncount(&self, id: DialogueId) {
        let mut beside = self.beside.borrow_mut();
        let Some(beside) = beside.get_mut(&id).filter(|beside| beside.is_counted) else { return };
        beside.is_counted = false;
        let mut begun_by = self.begun_by.borrow_mut();
        if let Some(principal) = &beside.principal
            && let Some(count) = begun_by.get_mut(principal.node_name())
        {
            *count -= 1;
            if *count == 0 {
                begun_by.remove(principal.node_name());
            }
        }
    }
}
