// What is wrong: regressions, then everything else that is not as promised, as folds.

import { inWords } from "./data.js";
import { caseName, earlier } from "./detail.js";
import { address, el, many, paged } from "./dom.js";
import { badge, block, groups } from "./outcome.js";
import { UNEXPECTED, WORST_FIRST } from "./words.js";

const PAGE = 50;
const ROWS = 12; // of a table's rows that are named in one line

/** What the comparison fails for, and how many cases became what. */
export function compared(report) {
    const { comparison } = report;
    const regressions = comparison.changes.filter((change) => change.regression);
    return [
        el("h2", { id: "regressions" }, `Regressions (${regressions.length})`),
        el(
            "ul",
            { class: "pairs" },
            comparison.pairs.map(({ before, after, counts }) =>
                el(
                    "li",
                    {},
                    el("b", {}, `${before.plain} → ${after.plain}`),
                    " ",
                    el(
                        "a",
                        { href: "#changes" },
                        Object.entries(counts)
                            .map(([word, number]) => `${number} ${word}`)
                            .join(", "),
                    ),
                ),
            ),
        ),
        folds(
            report,
            together(regressions, (change) => [
                change.transition,
                change.detail,
                change.pair.after.number,
            ])
                .sort((a, b) => severity(report, a) - severity(report, b))
                .map(({ transition, detail: text, pair, cases }) => ({
                    cases,
                    kernels: [pair.before, pair.after],
                    text,
                    lead: el("b", { class: "transition" }, transition),
                    where: comparison.pairs.length > 1 && pair.after.label,
                })),
        ),
        comparison.only_before.length > 0 &&
            el(
                "p",
                { class: "note" },
                `Only in ${comparison.before}: ${comparison.only_before.join(", ")}`,
            ),
        comparison.only_after.length > 0 &&
            el(
                "p",
                { class: "note" },
                `Only in ${comparison.after}: ${comparison.only_after.join(", ")}`,
            ),
    ];
}

/** Cases of one function about which the same is to be said, as one item. */
function together(items, said) {
    const by = new Map();
    for (const item of items) {
        const key = JSON.stringify([item.case.file, item.case.names, ...said(item)]);
        if (!by.has(key)) by.set(key, { ...item, cases: [] });
        by.get(key).cases.push(item.case);
    }
    return [...by.values()];
}

const severity = (report, { case: found, pair }) => {
    const outcome = report.result(found, pair.after);
    return outcome ? WORST_FIRST.indexOf(outcome.verdict) : WORST_FIRST.length;
};

/** Every unexpected result, worst first; those of one function that say the same are one. */
export function findings(report) {
    const kernels = report.kernels.filter((kernel) => !kernel.before);
    const told = new Set();
    for (const { case: found, pair, regression } of report.comparison?.changes || []) {
        if (regression) told.add(`${found.number} ${pair.after.number}`);
    }
    const items = [];
    let missed = 0;
    for (const found of report.cases) {
        const left = kernels.filter((kernel) => !told.has(`${found.number} ${kernel.number}`));
        for (const { outcome, kernels: some } of groups(report, found, left)) {
            if (outcome.verdict === "miss") missed += some.length;
            else if (UNEXPECTED.includes(outcome.verdict)) {
                items.push({
                    case: found,
                    verdict: outcome.verdict,
                    text: brief(outcome),
                    kernels: some,
                });
            }
        }
    }
    if (!items.length && !missed) return null;
    const all = together(items, (item) => [
        item.verdict,
        item.text,
        item.kernels.map((kernel) => kernel.number),
    ]);
    all.sort((a, b) => WORST_FIRST.indexOf(a.verdict) - WORST_FIRST.indexOf(b.verdict));
    const total = many(new Set(items.map((item) => item.case)).size, "case");
    return [
        el(
            "h2",
            { id: "findings" },
            told.size
                ? `Not as promised, and no regression (${total})`
                : `Not as promised (${total})`,
        ),
        missed > 0 &&
            el(
                "p",
                { class: "note" },
                `${many(missed, "case")} never started: nothing is known of the kernel there.`,
            ),
        folds(
            report,
            all.map((each) => ({
                ...each,
                lead: badge(each.verdict),
                where: kernels.length > 1 && inWords(report, each.kernels),
            })),
        ),
    ];
}

function brief(outcome) {
    if (outcome.observed && outcome.expected)
        return `${outcome.observed} instead of ${outcome.expected}`;
    const text = outcome.title || outcome.message.split("\n")[0] || outcome.observed;
    return outcome.again ? `${text} (${outcome.again})` : text;
}

/** Cases as folds with their results in them. */
function folds(report, items) {
    const list = el("div", { class: "findings" });
    const more = paged(
        items,
        ({ cases, kernels: some, lead, text, where }) => {
            const [first] = cases;
            const fold = el(
                "details",
                { class: "case" },
                el(
                    "summary",
                    {},
                    el("span", { class: "lead" }, lead),
                    el(
                        "span",
                        { class: "name" },
                        caseName({ ...first, row: "" }),
                        cases.slice(0, ROWS).map((found) => [el("b", {}, found.row), el("wbr")]),
                        cases.length > ROWS && el("small", {}, ` and ${cases.length - ROWS} more`),
                        el(
                            "span",
                            { class: "say" },
                            el("span", { class: "value" }, text),
                            where && el("small", {}, ` ${where}`),
                        ),
                    ),
                ),
            );
            fold.addEventListener("toggle", () => {
                if (fold.children.length > 1) return;
                const [clause] = first.clauses;
                fold.append(
                    el(
                        "p",
                        { class: "file" },
                        el("a", { href: address(clause.id) }, clause.id),
                        ` ${clause.statement}`,
                    ),
                    ...cases
                        .slice(0, PAGE)
                        .flatMap((found) => [
                            cases.length > 1 &&
                                el(
                                    "p",
                                    { class: "file" },
                                    el("a", { href: address(found.id) }, found.row),
                                ),
                            ...groups(report, found, some).map((group) =>
                                block(report, found, group, 3),
                            ),
                            earlier(report, found),
                        ])
                        .filter(Boolean),
                );
            });
            return fold;
        },
        list,
        PAGE,
    );
    return [list, more];
}
