//! `#[agent] impl Counter { .. }`, `#[agent] impl CounterApi for Counter { .. }` and `#[object] impl Math { .. }`.
//!
//! Neighbours: [`marker`](super::marker) tells what a method is, [`exposed`](super::exposed) and
//! [`internal`](super::internal) and [`part`](super::part) read it.

use proc_macro2::Ident;
use syn::{FnArg, ImplItem, ImplItemFn, ItemImpl, Path, PathArguments, Type};

use super::marker::{self, Marked, Marker};
use super::signature::Asker;
use super::{ended, exposed, handler, internal, on, owned, part, says_self, signature};
use crate::mistakes::Mistakes;
use crate::model::{Behaviour, ObjectBlock, Routine};

/// The most `#[every]` methods of one agent: its queue keeps a bit for each.
const MAX_TIMERS: usize = 64;

/// Reads a block and takes its markers off; `None` where the block as a whole is wrong.
///
/// The methods that are no part of the trait, where the block is of one, are moved to the second result.
pub(crate) fn behaviour(block: &mut ItemImpl, mistakes: &mut Mistakes) -> (Option<Behaviour>, Vec<ImplItem>) {
    whole(block, &AGENT, mistakes)
}

/// The words for what a block is about.
struct Words {
    /// Who has the block.
    owner: &'static str,
    attribute: &'static str,
    /// Where the attribute goes.
    place: &'static str,
}

const AGENT: Words = Words {
    owner: "an agent",
    attribute: "`#[agent]`",
    place: "`#[agent]` goes on the `impl` block of a struct that derives `Agent`",
};

const OBJECT: Words = Words {
    owner: "an object",
    attribute: "`#[object]`",
    place: "`#[object]` goes on the `impl` block of a struct",
};

/// Reads the block of an object and takes its markers off; `None` where the block as a whole is wrong. `agent` is the
/// one that it may be part of, where there is but one.
pub(crate) fn object(
    block: &mut ItemImpl,
    agent: Option<Path>,
    mistakes: &mut Mistakes,
) -> Option<ObjectBlock> {
    if let Some((_, of_trait, _)) = &block.trait_ {
        mistakes.note(
            of_trait,
            "an `#[object]` block is of no trait: its callers know it through its agent; write `impl` and the struct",
        );
        strip(block);
        return None;
    }
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item {
            refuse_strangers(method, agent.as_ref(), mistakes);
        }
    }
    let (model, _) = whole(block, &OBJECT, mistakes);
    Some(ObjectBlock { model: model?, agent })
}

/// Notes what belongs to agents alone: a life, timers, a context. What has a mistake loses its markers.
fn refuse_strangers(method: &mut ImplItemFn, agent: Option<&Path>, mistakes: &mut Mistakes) {
    let before = mistakes.count();
    let marks: Vec<_> = method.attrs.iter().filter_map(|mark| Some((Marker::of(mark)?, mark))).collect();
    for (marker, mark) in &marks {
        if !matches!(marker, Marker::Expose | Marker::Object) {
            mistakes.note(
                mark,
                format!(
                    "{marker} belongs in the `impl` block of the agent, which calls the object from there"
                ),
            );
        }
    }
    if marks.is_empty() {
        return;
    }
    let contexts = method.sig.inputs.iter_mut().filter_map(|input| match input {
        FnArg::Typed(input) if signature::is_context(&input.ty) => Some(&mut input.ty),
        _ => None,
    });
    for context in contexts {
        match agent {
            None => mistakes.note(
                context,
                "an object of whatever agent has no context: say whose it is, `#[object(agent = House)]`, and take \
                 `&Context<House>`",
            ),
            Some(agent) if says_self(context) => {
                mistakes.note(&context, "an object's context is its agent's: write the agent for `Self`");
                // Else the compiler would say once more that the object is no agent.
                **context = owned::without_self(context, agent);
            }
            Some(_) => {}
        }
    }
    if mistakes.count() > before {
        marker::take(&mut method.attrs, &method.sig.ident, &mut Mistakes::default());
    }
}

fn whole(block: &mut ItemImpl, words: &Words, mistakes: &mut Mistakes) -> (Option<Behaviour>, Vec<ImplItem>) {
    let model = empty(block, words, mistakes);
    let (Some(mut model), Some(agent)) = (model, path_of(&block.self_ty).cloned()) else {
        strip(block);
        return (None, Vec::new());
    };
    let (mut kept, mut moved) = (Vec::new(), Vec::new());
    for mut item in std::mem::take(&mut block.items) {
        let is_of_trait = match &mut item {
            ImplItem::Fn(method) => read(method, &agent, &mut model, mistakes),
            _ => true,
        };
        if is_of_trait || model.of_trait.is_none() { kept.push(item) } else { moved.push(item) }
    }
    block.items = kept;
    if model.timers.len() > MAX_TIMERS {
        mistakes.note(
            &model.timers[MAX_TIMERS].routine.name,
            format!("an agent has at most {MAX_TIMERS} `#[every]` methods"),
        );
        model.timers.truncate(MAX_TIMERS);
    }
    (Some(model), moved)
}

fn strip(block: &mut ItemImpl) {
    for item in &mut block.items {
        if let ImplItem::Fn(method) = item {
            // The block is wrong as a whole: what is wrong within can wait.
            marker::take(&mut method.attrs, &method.sig.ident, &mut Mistakes::default());
        }
    }
}

/// The model of a block before its methods are read.
fn empty(block: &ItemImpl, words: &Words, mistakes: &mut Mistakes) -> Option<Behaviour> {
    let before = mistakes.count();
    if !block.generics.params.is_empty() {
        mistakes.note(&block.generics, not_generic(words));
    }
    if let Some(token) = &block.unsafety {
        mistakes.note(token, format!("an {} block cannot be `unsafe`", words.attribute));
    }
    if let Some((Some(not), ..)) = &block.trait_ {
        mistakes.note(not, "an `#[agent]` block cannot be of a negated trait");
    }
    if mistakes.count() > before {
        return None;
    }
    let name = name_of(&block.self_ty, words, mistakes)?;
    let of_trait = block.trait_.as_ref().map(|(_, path, _)| path.clone());
    Some(Behaviour {
        ty: (*block.self_ty).clone(),
        name,
        of_trait,
        exposed: Vec::new(),
        timers: Vec::new(),
        handled: Vec::new(),
        mails: Vec::new(),
        ended: Vec::new(),
        loops: Vec::new(),
        parts: Vec::new(),
        unexposed: Vec::new(),
        start: None,
        stop: None,
    })
}

fn not_generic(words: &Words) -> String {
    format!("{}'s type cannot be generic: callers on other nodes know it by its name alone", words.owner)
}

fn path_of(ty: &Type) -> Option<&Path> {
    match ty {
        Type::Group(group) => path_of(&group.elem),
        Type::Paren(paren) => path_of(&paren.elem),
        Type::Path(path) if path.qself.is_none() => Some(&path.path),
        _ => None,
    }
}

fn name_of(ty: &Type, words: &Words, mistakes: &mut Mistakes) -> Option<Ident> {
    let last = path_of(ty).and_then(|path| path.segments.last());
    match last {
        Some(last) if matches!(last.arguments, PathArguments::None) => Some(last.ident.clone()),
        Some(last) => {
            mistakes.note(&last.arguments, not_generic(words));
            None
        }
        None => {
            mistakes.note(ty, words.place);
            None
        }
    }
}

/// Reads one method into the model and tells whether it is marked as exposed, rightly or not.
fn read(method: &mut ImplItemFn, agent: &Path, model: &mut Behaviour, mistakes: &mut Mistakes) -> bool {
    let (marker, mark) = match marker::take(&mut method.attrs, &method.sig.ident, mistakes) {
        Marked::As(marker, mark) => (marker, mark),
        Marked::Wrongly { exposed } => return exposed,
        Marked::Not => {
            model.unexposed.push(method.sig.ident.clone());
            return false;
        }
    };
    if !matches!(marker, Marker::Expose | Marker::Object) {
        model.unexposed.push(method.sig.ident.clone());
    }
    let asker = Asker { marker, agent: Some(agent) };
    let (attributes, signature) = (&method.attrs, &method.sig);
    match marker {
        Marker::Expose => {
            model.exposed.extend(exposed::exposed(Some(&mark), attributes, signature, asker, mistakes))
        }
        Marker::Every => model.timers.extend(internal::timer(&mark, attributes, signature, asker, mistakes)),
        Marker::Handles => {
            handler::handler(&mark, attributes, signature, asker, &mut model.handled, mistakes);
        }
        Marker::On => on::on(&mark, attributes, signature, asker, &mut model.mails, mistakes),
        Marker::Ended => ended::ended(&mark, attributes, signature, asker, &mut model.ended, mistakes),
        Marker::Object => model.parts.extend(part::part(method, agent, mistakes)),
        Marker::Run => model.loops.extend(internal::run(attributes, signature, mistakes)),
        Marker::Start | Marker::Stop => {
            let hook = internal::hook(attributes, signature, asker, mistakes);
            let place = if marker == Marker::Start { &mut model.start } else { &mut model.stop };
            set_once(place, hook, asker, mistakes);
        }
    }
    marker == Marker::Expose
}

fn set_once(place: &mut Option<Routine>, hook: Option<Routine>, asker: Asker<'_>, mistakes: &mut Mistakes) {
    let Some(hook) = hook else { return };
    match place {
        None => *place = Some(hook),
        Some(first) => mistakes.note(
            &hook.name,
            format!(
                "`{}` is marked {} already: an agent has one, so call this method from it",
                first.name, asker.marker
            ),
        ),
    }
}
