//! MPTCP's counters at both ends, and what the kernel can do.

use std::collections::{BTreeMap, BTreeSet};

use maud::{Markup, html};
use model::smoke::{Capabilities, Ends};

use super::{clean, rank, title};

pub(super) fn section(counters: &BTreeMap<String, Ends>) -> Markup {
    let ends = counters
        .values()
        .flat_map(|ends| [&ends.client, &ends.server]);
    let names: BTreeSet<_> = ends.flat_map(BTreeMap::keys).collect();
    let mut transfers: Vec<_> = counters.iter().collect();
    transfers.sort_by_key(|(transfer, _)| rank(transfer));
    html! {
        @if !names.is_empty() {
            section {
                h2 { "Counters" }
                p .muted { "After each transfer, at the client (C) and at the server (S). What is 0 everywhere is left out." }
                div .scroll tabindex="0" {
                    table .numbers .counters {
                        thead {
                            tr {
                                th scope="col" rowspan="2" { "Counter" }
                                @for (transfer, _) in &transfers {
                                    th .pair scope="colgroup" colspan="2" { (title(transfer)) }
                                }
                            }
                            tr {
                                @for _ in &transfers {
                                    th .pair scope="col" { abbr title="client" { "C" } }
                                    th scope="col" { abbr title="server" { "S" } }
                                }
                            }
                        }
                        tbody { @for name in names { (row(name, &transfers)) } }
                    }
                }
            }
        }
    }
}

fn row(name: &String, transfers: &[(&String, &Ends)]) -> Markup {
    html! {
        tr {
            th scope="row" { (clean(name)) }
            @for (_, ends) in transfers {
                td .pair { (count(ends.client.get(name))) }
                td { (count(ends.server.get(name))) }
            }
        }
    }
}

fn count(value: Option<&u64>) -> Markup {
    html! {
        @if let Some(value) = value.filter(|value| **value != 0) { (value) } @else { span .muted { "0" } }
    }
}

pub(super) fn capabilities(capabilities: &Capabilities) -> Markup {
    let lists = [
        ("Congestion controls", &capabilities.congestion_controls),
        ("Path managers", &capabilities.path_managers),
        ("Schedulers", &capabilities.schedulers),
    ];
    html! {
        section {
            h2 { "Capabilities" }
            dl .facts {
                @for (name, list) in lists {
                    div .long { dt { (name) } dd { (names(list)) } }
                }
            }
            details {
                summary { (capabilities.sysctls.len()) " sysctls, as the kernel boots with them" }
                div .scroll tabindex="0" {
                    table .sysctls {
                        thead { tr { th scope="col" { "Sysctl" } th scope="col" { "Value" } } }
                        tbody {
                            @for (name, value) in &capabilities.sysctls {
                                tr { th scope="row" .code { (clean(name)) } td .code { (clean(value)) } }
                            }
                        }
                    }
                }
            }
            details {
                summary { (capabilities.counters.len()) " counters that it has" }
                p { (names(&capabilities.counters)) }
            }
        }
    }
}

fn names(names: &[String]) -> Markup {
    html! {
        @if names.is_empty() { span .muted { "none" } }
        @for name in names { code { (clean(name)) } " " }
    }
}
