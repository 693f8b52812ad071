// What the words of a report mean, and the sign that each of them has beside its colour.

export const VERDICTS = {
    crash: {
        sign: "▲",
        say: "crash",
        means: "the machine died; a new one was booted and the rest ran",
    },
    hang: { sign: "‖", say: "hang", means: "a call did not return" },
    fail: { sign: "✗", say: "fail", means: "the kernel does not keep the clause" },
    stale: { sign: "≠", say: "stale", means: "passes, although it is listed as a known deviation" },
    deviation: { sign: "≈", say: "known", means: "fails as the list of known deviations expects" },
    error: { sign: "?", say: "error", means: "our own fault; nothing is known of the kernel" },
    miss: { sign: "○", say: "miss", means: "not run; nothing is known of the kernel" },
    pass: { sign: "✓", say: "pass", means: "the kernel keeps the clause" },
    skip: { sign: "–", say: "skip", means: "does not apply here, for a reason that has a class" },
};

/** Worst first: the verdict of a clause is that of its worst case. */
export const WORST_FIRST = Object.keys(VERDICTS);

export const UNEXPECTED = ["crash", "hang", "fail", "stale", "error", "miss"];

export const STRENGTHS = {
    documented: "the manual page says so",
    referenced: "a page that the manual page points to says so",
    established: "every shipped kernel does it, or safety demands it",
    observed: "recorded and compared between kernels, never a failure",
};

export const SKIPS = {
    privilege: "the machine did not give the rights",
    config: "the kernel was built without it",
    "kernel-lacks": "the kernel does not have it",
    arch: "not on this architecture",
    environment: "something outside the kernel was missing",
};

/** The classes of a skip that say something of the kernel. */
export const TELLING_SKIPS = ["config", "kernel-lacks"];
