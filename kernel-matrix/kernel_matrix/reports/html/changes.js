// What changes from kernel to kernel, and what observed clauses answer.

import { telling } from "./data.js";
import { el, many, paged, spoken } from "./dom.js";
import { caseLink } from "./detail.js";

const PAGE = 200;
const DRIFT = "drift";

/** Verdicts that change: between the two sides first, then along the kernels. */
export function changes(report) {
    const along = report.changes.filter((change) => !change.drift);
    return el(
        "div",
        { class: "page" },
        el("h1", {}, "What changed"),
        report.comparison && against(report.comparison, (word) => word !== DRIFT),
        (!report.comparison || along.length > 0) &&
            section(
                report,
                along,
                report.comparison
                    ? "Between neighbouring kernels of the newer side"
                    : "Between neighbouring kernels",
                "No verdict changes between neighbouring kernels of this run.",
            ),
    );
}

/** Observed clauses: what they answer along the kernels, and those that answer the same. */
export function behaviour(report) {
    const drift = report.changes.filter((change) => change.drift);
    const between = (report.comparison?.changes || []).filter(
        (change) => change.transition === DRIFT,
    );
    const drifting = new Set([...drift, ...between].map((change) => change.case));
    const steady = report.cases.filter(
        (found) => found.strength === "observed" && !drifting.has(found),
    );
    return el(
        "div",
        { class: "page" },
        el("h1", {}, "Behaviour"),
        el(
            "p",
            { class: "subject" },
            "Observed clauses bind no kernel: what they answer is recorded and compared, and is never a failure.",
        ),
        report.comparison && against(report.comparison, (word) => word === DRIFT),
        report.kernels.length > 1 &&
            (drift.length || !between.length) &&
            section(
                report,
                drift,
                "Drifts between kernels",
                "Every observed clause answers the same on all of these kernels.",
            ),
        steady.length > 0 && [
            el(
                "h2",
                {},
                `${report.kernels.length > 1 ? "The same throughout" : "Answers"} (${steady.length})`,
            ),
            el(
                "dl",
                { class: "steady" },
                steady.map((found) => [
                    el("dt", {}, caseLink(found)),
                    el(
                        "dd",
                        {},
                        answers(report, found) || el("span", { class: "none" }, "no answer"),
                    ),
                ]),
            ),
        ],
    );
}

function answers(report, found) {
    const outcomes = report.kernels.map((kernel) => report.result(found, kernel)).filter(telling);
    const observed = outcomes.filter((outcome) => outcome.observed);
    const texts = observed.length
        ? observed.map((outcome) => outcome.observed)
        : outcomes.map((outcome) =>
              outcome.skip ? `skip (${outcome.skip}: ${outcome.reason})` : outcome.verdict,
          );
    return [...new Set(texts)].join("; ");
}

/** By lines of kernels, and in each line by where it changes: most changes have company. */
function section(report, some, title, none) {
    if (!some.length) return el("p", { class: "calm" }, none);
    const lines = new Map();
    for (const change of some) {
        const name = change.kernels[0].line;
        if (!lines.has(name)) lines.set(name, []);
        lines.get(name).push(change);
    }
    const cases = new Set(some.map((change) => change.case)).size;
    return [
        el("h2", {}, `${title} (${many(cases, "case")})`),
        [...lines].map(([name, changed]) => {
            const list = el("ul", { class: "timelines" });
            return [
                el(
                    "h3",
                    { class: "line" },
                    name,
                    " ",
                    el("small", {}, many(changed.length, "case")),
                ),
                scale(changed[0].kernels),
                list,
                paged(changed, (change) => el("li", {}, timeline(report, change)), list, PAGE),
            ];
        }),
    ];
}

/** The kernels of a line above its bars; each bar says its kernels itself. */
function scale(kernels) {
    return el(
        "div",
        { class: "scale", "aria-hidden": "true" },
        kernels.map((kernel) => el("span", {}, kernel.short)),
    );
}

function timeline(report, { case: found, kernels, spans, drift }) {
    const bars = el("ol", { class: "bars" });
    const values = [...new Set(spans.map((span) => span.words))];
    for (const span of spans) {
        const names =
            span.first === span.last
                ? kernels[span.first].short
                : `${kernels[span.first].short} – ${kernels[span.last].short}`;
        const silent = kernels
            .slice(span.first, span.last + 1)
            .filter((kernel) => !telling(report.result(found, kernel)));
        const bar = el(
            "li",
            { class: drift ? `t${values.indexOf(span.words) % 4}` : `t-${span.verdict}` },
            el(
                "small",
                {},
                spoken("on "),
                names,
                silent.length > 0 && `, not ${silent.map((k) => k.short).join(", ")}`,
            ),
            el("span", { class: "value" }, span.words.replace(/^observed /, "")),
        );
        bar.style.gridColumn = `${span.first + 1} / ${span.last + 2}`;
        bars.append(bar);
    }
    const [clause] = found.clauses;
    return [
        el("p", { class: "what" }, caseLink(found), el("span", { class: "say" }, clause.statement)),
        bars,
    ];
}

const TITLES = {
    regression: "Passed, and fails now",
    worse: "Failed, and takes the kernel or the machine down now",
    "new failure": "Fails, and could not be judged before or was not there",
    lost: "Passed, and is skipped now",
    hidden: "Failed, and is skipped now",
    changed: "The same verdict for another reason",
    unknown: "One side says nothing of the kernel",
    drift: "An observed clause answers otherwise; never a failure",
    fixed: "Failed, and passes now",
    improved: "Took the machine down, and only fails now",
    gained: "Was skipped, and passes now",
    appeared: "Was not there, and does not fail",
    disappeared: "Is not there any more",
};

/** What became of cases between the two sides, by the words that are wanted. */
function against(comparison, wanted) {
    const some = (word) => comparison.changes.filter((change) => change.transition === word);
    return Object.entries(TITLES)
        .filter(([word]) => wanted(word) && some(word).length)
        .map(([word, means]) => {
            const list = el("ul", { class: "against" });
            return [
                el(
                    "h2",
                    { class: "word" },
                    `${word[0].toUpperCase()}${word.slice(1)} (${some(word).length})`,
                    el("small", {}, ` ${means}`),
                ),
                list,
                paged(
                    some(word),
                    (change) =>
                        el(
                            "li",
                            { class: change.regression ? "regressed" : "" },
                            caseLink(change.case),
                            el(
                                "span",
                                { class: "value" },
                                change.detail.replace(/(^|→ )observed /g, "$1"),
                            ),
                            comparison.pairs.length > 1 && el("small", {}, change.pair.after.label),
                            change.known && el("span", { class: "say" }, `known: ${change.known}`),
                        ),
                    list,
                    PAGE,
                ),
            ];
        });
}
