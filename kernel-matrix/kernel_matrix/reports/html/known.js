// Known deviations: failures that are expected, each with its reason.

import { inWords } from "./data.js";
import { el, many } from "./dom.js";
import { caseLink } from "./detail.js";
import { groups } from "./outcome.js";

/** The reasons, each with its cases and the kernels on which they fail so. */
export function reasons(report) {
    const by = new Map();
    for (const found of report.cases) {
        for (const group of groups(
            report,
            found,
            report.kernels.filter((kernel) => !kernel.before),
        )) {
            if (!group.outcome.known) continue;
            if (!by.has(group.outcome.known)) by.set(group.outcome.known, []);
            by.get(group.outcome.known).push({ found, ...group });
        }
    }
    return by;
}

export function known(report) {
    const by = reasons(report);
    return el(
        "div",
        { class: "page" },
        el("h1", {}, "Known deviations"),
        el(
            "p",
            { class: "subject" },
            "They are run like every case. One that fails in another way, or passes, is a finding.",
        ),
        by.size === 0 && el("p", { class: "calm" }, "None on these kernels."),
        [...by].map(([reason, cases]) =>
            el(
                "section",
                { class: "reason" },
                el("h2", {}, reason, el("small", {}, ` ${many(cases.length, "case")}`)),
                el(
                    "ul",
                    { class: "against" },
                    cases.map(({ found, outcome, kernels }) =>
                        el(
                            "li",
                            {},
                            caseLink(found),
                            el(
                                "span",
                                { class: "value" },
                                outcome.observed
                                    ? `${outcome.observed} instead of ${outcome.expected || "what is promised"}`
                                    : outcome.message.split("\n")[0],
                            ),
                            el("small", {}, `${found.clauses[0].id} · ${inWords(report, kernels)}`),
                        ),
                    ),
                ),
            ),
        ),
    );
}
