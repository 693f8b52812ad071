// Everything about one clause: the promise, then each of its cases on the kernels.

import { inWords } from "./data.js";
import { address, el, many, paged } from "./dom.js";
import { block, groups, mark } from "./outcome.js";
import { STRENGTHS, UNEXPECTED } from "./words.js";

const PAGE = 100;
const OPEN = 12; // a clause of few cases is shown with all of them open

/** The panel. Of a case or a kernel that is given only its part is open. */
export function detail(report, { clause, only, kernel }, back) {
    const kernels = kernel ? [kernel] : report.kernels;
    const heading = el("h2", { id: "detail-heading", tabindex: "-1" }, wrapping(clause.id));
    const panel = el(
        "section",
        { class: "detail", "aria-labelledby": "detail-heading" },
        el(
            "header",
            {},
            heading,
            el(
                "a",
                {
                    class: "close",
                    href: back,
                    "aria-label": "Close the details",
                    title: "Close (Esc)",
                },
                "×",
            ),
        ),
        el("p", { class: "statement" }, clause.statement),
        el(
            "p",
            { class: "source" },
            clause.strength &&
                el("span", { class: `strength ${clause.strength}` }, clause.strength),
            clause.strength && ` ${STRENGTHS[clause.strength] || ""}`,
            clause.source && [el("br"), clause.source],
        ),
        kernel &&
            el(
                "p",
                { class: "note only" },
                `Only on ${kernel.label}. `,
                el("a", { href: address(only ? only.id : clause.id) }, "Show all kernels"),
            ),
    );
    const cases = only ? [only, ...clause.cases.filter((found) => found !== only)] : clause.cases;
    const few = cases.length <= (kernels.length === 1 ? OPEN : OPEN / 4);
    const list = el("div", { class: "cases" });
    const fold = (found) =>
        caseFold(report, found, kernels, found === only || cases.length === 1 || few);
    panel.append(list, paged(cases, fold, list, PAGE));
    return { panel, heading };
}

/** Underscores and colons are where a long name may be broken. */
export function wrapping(name) {
    return name.split(/(?<=[_:/.])/).flatMap((part) => [part, el("wbr")]);
}

/** The name of a case with its call, as a link to it. */
export function caseLink(found) {
    return el("a", { href: address(found.id) }, caseName(found));
}

/** The name of a case where others of other calls stand beside it: many names are used twice. */
export function caseName(found) {
    const [{ call }] = found.clauses;
    return [
        el("small", {}, `${call} `),
        wrapping(found.names),
        found.row && el("b", {}, found.row),
    ];
}

function caseFold(report, found, kernels, asked) {
    const parts = groups(report, found, kernels);
    const interesting = parts.some(({ outcome }) => UNEXPECTED.includes(outcome.verdict));
    const fold = el(
        "details",
        { class: "case", "data-case": found.id },
        el(
            "summary",
            {},
            el(
                "span",
                { class: "marks" },
                [...new Set(parts.map((part) => part.outcome.verdict))].map(mark),
            ),
            el(
                "span",
                { class: "name" },
                wrapping(found.names),
                found.row && el("b", {}, found.row),
            ),
            parts.length > 1 && el("small", { class: "results" }, many(parts.length, "result")),
        ),
    );
    const fill = () => {
        if (fold.children.length > 1) return;
        fold.append(
            el(
                "p",
                { class: "file" },
                found.file,
                " ",
                el("a", { href: address(found.id) }, "link to this case"),
            ),
            el("div", {}, changesOf(report, found)),
            el(
                "div",
                {},
                parts.map((part) => block(report, found, part, 3)),
            ),
            earlier(report, found) || "",
            parts.length
                ? ""
                : el("p", { class: "note" }, `Not run on ${inWords(report, kernels)}.`),
        );
    };
    fold.addEventListener("toggle", fill);
    if (asked || interesting) {
        fill();
        fold.open = true;
    }
    return fold;
}

function changesOf(report, found) {
    const between = report.changes
        .filter((change) => change.case === found)
        .map((change) => change.text);
    const against = (report.comparison ? report.comparison.changes : [])
        .filter((change) => change.case === found)
        .map((change) => `${change.transition} on ${change.pair.after.label}: ${change.detail}`);
    const texts = [...against, ...between];
    return texts.map((text) => el("p", { class: "boundary" }, text));
}

/** What earlier runs say of a case, if a history was at hand. */
export function earlier(report, found) {
    const lines = report.earlier(found);
    return (
        lines.length > 0 &&
        el(
            "details",
            { class: "earlier" },
            el("summary", {}, "Earlier runs"),
            el(
                "ul",
                {},
                lines.map((line) => el("li", { class: "value" }, line)),
            ),
        )
    );
}
