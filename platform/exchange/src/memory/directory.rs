//! Who can be found, by type, capability and name, in memory.
//!
//! Always true: what is found is in the order of registration, and finding it costs what is found, not what there is.
//! Neighbour: [`ledger`](super::ledger) keeps it at one with the mailboxes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::mailbox::{Query, Registration};
use crate::mailbox_id::MailboxId;

type Index = HashMap<Arc<str>, BTreeSet<u64>>;

#[derive(Default)]
pub(super) struct Directory {
    by_number: BTreeMap<u64, MailboxId>,
    /// By the first type of a lineage.
    by_own_type: Index,
    /// By every type of a lineage.
    by_type: Index,
    by_capability: Index,
    by_name: Index,
    last_number: u64,
}

impl Directory {
    /// Enters a new mailbox; its number. Its texts are those of the index from then on, which has each once.
    pub(super) fn enter(&mut self, mailbox: &mut Registration) -> u64 {
        self.last_number += 1;
        let number = self.last_number;
        self.by_number.insert(number, mailbox.id);
        self.index(number, mailbox);
        number
    }

    /// A mailbox is registered with other words now.
    pub(super) fn change(&mut self, number: u64, old: &Registration, new: &mut Registration) {
        self.unindex(number, old);
        self.index(number, new);
    }

    /// A mailbox is found no more.
    pub(super) fn remove(&mut self, number: u64, mailbox: &Registration) {
        self.by_number.remove(&number);
        self.unindex(number, mailbox);
    }

    fn index(&mut self, number: u64, mailbox: &mut Registration) {
        if let Some(first) = mailbox.lineage.first_mut() {
            enter(&mut self.by_own_type, first, number);
        }
        mailbox.lineage.iter_mut().for_each(|text| enter(&mut self.by_type, text, number));
        mailbox.capabilities.iter_mut().for_each(|text| enter(&mut self.by_capability, text, number));
        mailbox.name.iter_mut().for_each(|text| enter(&mut self.by_name, text, number));
    }

    fn unindex(&mut self, number: u64, mailbox: &Registration) {
        mailbox.lineage.first().into_iter().for_each(|text| remove(&mut self.by_own_type, text, number));
        mailbox.lineage.iter().for_each(|text| remove(&mut self.by_type, text, number));
        mailbox.capabilities.iter().for_each(|text| remove(&mut self.by_capability, text, number));
        mailbox.name.iter().for_each(|text| remove(&mut self.by_name, text, number));
    }

    /// The mailboxes that may match, by number: those of the smallest index that the query names.
    pub(super) fn candidates<'a>(
        &'a self,
        query: &'a Query,
    ) -> Box<dyn Iterator<Item = (u64, MailboxId)> + 'a> {
        let types = if query.with_subtypes { &self.by_type } else { &self.by_own_type };
        let of_type = query.agent_type.iter().map(|text| types.get(text));
        let of_name = query.name.iter().map(|text| self.by_name.get(text));
        let able = query.capabilities.iter().map(|text| self.by_capability.get(text));
        let mut named = of_type.chain(of_name).chain(able).peekable();
        let from = query.after.saturating_add(1)..;
        if named.peek().is_none() {
            return Box::new(self.by_number.range(from).map(|(number, id)| (*number, *id)));
        }
        let sets: Option<Vec<&BTreeSet<u64>>> = named.collect();
        let Some(smallest) = sets.and_then(|sets| sets.into_iter().min_by_key(|set| set.len())) else {
            return Box::new(std::iter::empty());
        };
        let with_id = |number: &u64| self.by_number.get(number).map(|id| (*number, *id));
        Box::new(smallest.range(from).filter_map(with_id))
    }
}

fn enter(index: &mut Index, text: &mut Arc<str>, number: u64) {
    match index.get_key_value(text) {
        Some((known, _)) => *text = known.clone(),
        None => drop(index.insert(text.clone(), BTreeSet::new())),
    }
    if let Some(numbers) = index.get_mut(text) {
        numbers.insert(number);
    }
}

fn remove(index: &mut Index, text: &Arc<str>, number: u64) {
    if let Some(numbers) = index.get_mut(text) {
        numbers.remove(&number);
        if numbers.is_empty() {
            index.remove(text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_left_of_who_went_or_changed() {
        let mut directory = Directory::default();
        let mailbox = |number, word: &str| {
            Registration::new(MailboxId::agent(number))
                .named(word)
                .lineage([word, "Agent"])
                .capabilities([word])
        };
        let (mut one, mut other) = (mailbox(1, "pump"), mailbox(2, "pump"));
        let (first, second) = (directory.enter(&mut one), directory.enter(&mut other));
        let texts = [&one.lineage[0], &one.capabilities[0], &other.lineage[0]].map(Arc::as_ptr);
        assert_eq!(texts[0], texts[2], "each text of an index is there once");
        let mut changed = mailbox(1, "valve");
        directory.change(first, &one, &mut changed);
        let found = |directory: &Directory, query: Query| -> Vec<u64> {
            directory.candidates(&query).map(|(number, _)| number).collect()
        };
        for query in
            [Query::named("pump"), Query::of_type("pump"), Query::of_subtypes("pump"), Query::able_to("pump")]
        {
            assert_eq!(found(&directory, query), [second]);
        }
        assert_eq!(found(&directory, Query::of_subtypes("Agent")), [first, second]);
        directory.remove(first, &changed);
        directory.remove(second, &other);
        let Directory { by_number, by_own_type, by_type, by_capability, by_name, .. } = directory;
        assert!(by_number.is_empty() && by_own_type.is_empty() && by_type.is_empty());
        assert!(by_capability.is_empty() && by_name.is_empty());
    }
}
