/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What differs between the series, for process_vmsplice.c. Each series' patch
 * says which one it is for: PROCESS_VMSPLICE_SERIES is 612 for 6.12.
 */
#ifndef _PROCESS_VMSPLICE_COMPAT_H
#define _PROCESS_VMSPLICE_COMPAT_H

#if PROCESS_VMSPLICE_SERIES < 612
/* struct fd became one word with flags in its low bits. */
#define fd_file(f) ((f).file)
#endif

#if PROCESS_VMSPLICE_SERIES < 604
/* Pipes had no FMODE_NOWAIT, so that there is nothing to clear. */
static inline void pipe_clear_nowait(struct file *file)
{
}
#endif

/* vmsplice(2) tells inotify since 6.6; this call does as its siblings do. */
static inline void process_vmsplice_notify(struct file *file)
{
#if PROCESS_VMSPLICE_SERIES >= 606
	fsnotify_modify(file);
#endif
}

/* Up to 5.10, a task without an address space gave NULL. */
static inline struct mm_struct *process_vmsplice_mm_access(struct task_struct *task,
							   unsigned int mode)
{
	struct mm_struct *mm = mm_access(task, mode);

	return mm ? mm : ERR_PTR(-ESRCH);
}

/* The array of vmas went with 6.5. */
static inline long process_vmsplice_gup(struct mm_struct *mm, unsigned long addr,
					unsigned long nr, struct page **pages,
					int *locked)
{
#if PROCESS_VMSPLICE_SERIES < 605
	return get_user_pages_remote(mm, addr, nr, 0, pages, NULL, locked);
#else
	return get_user_pages_remote(mm, addr, nr, 0, pages, locked);
#endif
}

#endif /* _PROCESS_VMSPLICE_COMPAT_H */
