//! Archives as lists of members, and what two such lists differ in.

use std::collections::HashMap;
use std::io;

use model::digest::Sha256;

use super::cause::Cause;
use super::content::{self, Scope};
use super::source::{Part, Source};
use super::window::Window;
use super::{Found, MAX_NAMED, clues, inert};

/// How many members differ, and the first of them.
#[derive(Debug, Default)]
pub(super) struct Members {
    pub(super) count: u64,
    pub(super) names: Vec<String>,
}

impl Members {
    pub(super) fn add(&mut self, name: &str) {
        self.count += 1;
        if self.names.len() < MAX_NAMED {
            self.names.push(name.to_owned());
        }
    }

    /// Adds what is inside of a member, or the member where nothing is.
    pub(super) fn absorb(&mut self, outer: &str, inner: &Self) {
        if inner.count == 0 {
            return self.add(outer);
        }
        let room = MAX_NAMED - self.names.len();
        let names = inner.names.iter().take(room);
        self.names
            .extend(names.map(|name| format!("{outer}/{name}")));
        self.count += inner.count;
    }
}

/// A member of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub(super) path: String,
    /// What it is, in the archive's own number.
    pub(super) kind: u32,
    pub(super) mode: u32,
    /// Numbers and names of user and group.
    pub(super) owner: String,
    pub(super) time: u64,
    /// Where it leads to, if it is a link.
    pub(super) link: String,
    /// Where its content is in the archive.
    pub(super) start: u64,
    pub(super) size: u64,
    pub(super) digest: Sha256,
}

/// What two members of a path differ in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Aspect {
    Kind,
    Link,
    Content,
    Owner,
    Mode,
    Time,
}

impl Member {
    fn aspect(&self, other: &Self) -> Option<Aspect> {
        let aspects = [
            (Aspect::Kind, self.kind == other.kind),
            (Aspect::Link, self.link == other.link),
            (Aspect::Content, self.digest == other.digest),
            (Aspect::Owner, self.owner == other.owner),
            (Aspect::Mode, self.mode == other.mode),
            (Aspect::Time, self.time == other.time),
        ];
        let mut other = aspects.into_iter().filter(|(_, is_same)| !is_same);
        other.next().map(|(aspect, _)| aspect)
    }

    /// What it says of other members, so that it differs where they do.
    fn is_consequence(&self) -> bool {
        matches!(self.path.rsplit('/').next(), Some("md5sums" | "sha256sums"))
    }

    pub(super) fn part<'a>(&self, of: &'a mut dyn Source) -> Part<'a> {
        Part {
            of,
            start: self.start,
            size: self.size,
        }
    }
}

/// The members of an archive in their order.
#[derive(Debug)]
pub(super) struct Inventory {
    pub(super) members: Vec<Member>,
    /// Of all bytes of the archive.
    pub(super) digest: Sha256,
}

/// A difference between two lists.
enum Step<'a> {
    Aspect(&'a Member, &'a Member, Aspect),
    Missing(&'a Member, bool),
    Order(&'a Member, &'a Member),
}

/// The differences as they are met.
#[derive(Default)]
struct Steps<'a> {
    members: Members,
    first: Option<Step<'a>>,
    /// Whether the first is but a consequence of what might come.
    is_replaceable: bool,
}

impl<'a> Steps<'a> {
    fn add(&mut self, step: Step<'a>) {
        let (Step::Aspect(member, ..) | Step::Missing(member, _) | Step::Order(member, _)) = &step;
        self.members.add(&inert(member.path.as_bytes()));
        let is_consequence = member.is_consequence();
        if self.first.is_none() || (self.is_replaceable && !is_consequence) {
            self.is_replaceable = is_consequence;
            self.first = Some(step);
        }
    }

    fn add_aspect(&mut self, a: &'a Member, b: &'a Member) {
        if let Some(aspect) = a.aspect(b) {
            self.add(Step::Aspect(a, b, aspect));
        }
    }
}

/// Goes through two lists side by side, as long as they are in one order, and then by paths.
fn steps<'a>(a: &'a [Member], b: &'a [Member]) -> Steps<'a> {
    let index = |members: &'a [Member]| -> HashMap<&'a str, &'a Member> {
        let members = members.iter();
        members.map(|it| (it.path.as_str(), it)).collect()
    };
    let (in_a, in_b) = (index(a), index(b));
    let mut steps = Steps::default();
    let (mut left, mut right) = (a.iter().peekable(), b.iter().peekable());
    let mut in_order = true;
    while let Some(x) = left.peek().copied() {
        let other = in_b.get(x.path.as_str()).copied();
        match (other, right.peek().copied()) {
            (None, _) => steps.add(Step::Missing(x, true)),
            (Some(_), Some(y)) if in_order && x.path == y.path => {
                steps.add_aspect(x, y);
                right.next();
            }
            (Some(_), Some(y)) if in_order && !in_a.contains_key(y.path.as_str()) => {
                steps.add(Step::Missing(y, false));
                right.next();
                continue;
            }
            (Some(y), at) => {
                if let Some(at) = at.filter(|_| in_order) {
                    steps.add(Step::Order(x, at));
                    in_order = false;
                } else {
                    steps.add_aspect(x, y);
                }
            }
        }
        left.next();
    }
    for y in right.filter(|it| !in_a.contains_key(it.path.as_str())) {
        steps.add(Step::Missing(y, false));
    }
    steps
}

/// The first difference of two archives; `None` if their members are the same.
pub(super) fn compare(
    (a, b): (&mut dyn Source, &mut dyn Source),
    (a_list, b_list): (Inventory, Inventory),
    scope: Scope,
) -> io::Result<Option<Found>> {
    let Steps { members, first, .. } = steps(&a_list.members, &b_list.members);
    let Some(first) = first else {
        return Ok(None);
    };
    let found = match first {
        Step::Missing(member, is_in_a) => Some(Found::missing(&member.path, is_in_a)),
        Step::Order(x, y) => {
            let (a, b) = (x.path.as_bytes(), y.path.as_bytes());
            Some(Found::values(a, b, Cause::FileOrder).within(inert(a)))
        }
        Step::Aspect(x, y, Aspect::Content) => {
            let (x, y) = (x.clone(), y.clone());
            // Long lists are not kept while contents are.
            drop((a_list, b_list));
            let found = content::compare(&mut x.part(a), &mut y.part(b), scope)?;
            found.map(|found| found.within(inert(x.path.as_bytes())))
        }
        Step::Aspect(x, y, aspect) => Some(said(x, y, aspect)),
    };
    Ok(found.map(|found| Found { members, ..found }))
}

/// A difference in what is said of a member.
fn said(a: &Member, b: &Member, aspect: Aspect) -> Found {
    let text = |member: &Member| match aspect {
        Aspect::Kind => format!("type {}", member.kind),
        Aspect::Link => member.link.clone(),
        Aspect::Owner => member.owner.clone(),
        Aspect::Mode => format!("{:04o}", member.mode),
        Aspect::Time | Aspect::Content => member.time.to_string(),
    };
    let (x, y) = (text(a), text(b));
    let (name, cause) = match aspect {
        Aspect::Kind => ("type", Cause::Unknown),
        Aspect::Link => {
            let window = Window::of(x.as_bytes(), y.as_bytes());
            let cause = window.map_or(Cause::Unknown, |window| clues::cause(&window));
            ("link", cause)
        }
        Aspect::Owner => ("owner", Cause::Ownership),
        Aspect::Mode => ("mode", Cause::Permissions),
        Aspect::Time | Aspect::Content => ("time", Cause::ModificationTime),
    };
    Found::values(x.as_bytes(), y.as_bytes(), cause)
        .within(name)
        .within(inert(a.path.as_bytes()))
}
