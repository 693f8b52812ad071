// SPDX-License-Identifier: GPL-2.0-only
/*
 * process_vmsplice(2): map pages of another process into a pipe.
 *
 * A reference for tests: it does what the manual page says, and where the page
 * says nothing, what process_vm_readv(2) and vmsplice(2) do.
 *
 * fs/splice.c includes this file at its end. What is needed of it is static:
 * user_page_pipe_buf_ops, wakeup_pipe_readers(), pipe_clear_nowait(). An
 * object of its own would take a Makefile line, an internal header and three
 * changed definitions in every series; an #include is one line.
 *
 * Two locks matter, the pipe's mutex and the target's mmap_lock, and they are
 * never held together. vmsplice(2) holds the mutex while it faults, and can
 * afford to: only the caller's own memory can make it wait. Here somebody
 * else's memory decides how long a fault takes (userfaultfd, FUSE, NFS). So
 * all that was found out about the pipe before a fault is a guess after it,
 * and is looked at again with the mutex held:
 *
 *  - readers may have gone: EPIPE and SIGPIPE, or the bytes moved so far;
 *  - others may have filled it, or F_SETPIPE_SZ may have made it smaller: what
 *    does not fit is put back, and was never counted;
 *  - the ring may have been moved by F_SETPIPE_SZ: nothing points into it.
 */
#include <linux/compat.h>
#include <linux/mm.h>
#include <linux/mutex.h>
#include <linux/ptrace.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/wait.h>

#include "process_vmsplice_compat.h"

/* Pages that are faulted in before the pipe gets them, as in vmsplice(2). */
#define PROCESS_VMSPLICE_BATCH 16

/*
 * The address space of @pid, if the caller may look into it.
 *
 * What is returned is pinned as a structure only (mmgrab): the call may sleep
 * until somebody reads the pipe, and a target that is killed in the meantime
 * must be able to free its memory. What was checked here stays valid: it is
 * about this address space, and an execve() of the target gives it another.
 */
static struct mm_struct *process_vmsplice_mm(pid_t pid)
{
	struct task_struct *task;
	struct mm_struct *mm;

	task = find_get_task_by_vpid(pid);
	if (!task)
		return ERR_PTR(-ESRCH);

	mm = process_vmsplice_mm_access(task, PTRACE_MODE_ATTACH_REALCREDS);
	put_task_struct(task);
	if (IS_ERR(mm))
		/* As process_vm_readv(2), which has no EACCES either. */
		return mm == ERR_PTR(-EACCES) ? ERR_PTR(-EPERM) : mm;

	mmgrab(mm);
	mmput(mm);
	return mm;
}

/*
 * The segments, copied and checked as far as they can be without looking at
 * the memory that they name. Not import_iovec(): it wants the addresses to be
 * good ones of the caller.
 */
static struct iovec *process_vmsplice_iov(const struct iovec __user *uiov,
					  unsigned long nr_segs,
					  struct iovec *stack,
					  unsigned int flags)
{
	unsigned long unaligned = 0;
	unsigned long seg;
	struct iovec *iov;

	iov = iovec_from_user(uiov, nr_segs, UIO_FASTIOV, stack,
			      in_compat_syscall());
	if (IS_ERR(iov) || !(flags & SPLICE_F_GIFT))
		return iov;

	for (seg = 0; seg < nr_segs; seg++)
		unaligned |= (unsigned long)iov[seg].iov_base | iov[seg].iov_len;
	if (offset_in_page(unaligned)) {
		if (iov != stack)
			kfree(iov);
		return ERR_PTR(-EINVAL);
	}
	return iov;
}

/* Read without the mutex: enough to decide whether to go on sleeping. */
static bool process_vmsplice_may_go_on(struct pipe_inode_info *pipe)
{
	return !READ_ONCE(pipe->readers) ||
	       !pipe_full(READ_ONCE(pipe->head), READ_ONCE(pipe->tail),
			  READ_ONCE(pipe->max_usage));
}

/*
 * Wait until the pipe has room, and say how many slots.
 *
 * In the order of wait_for_space(): no readers, room, SPLICE_F_NONBLOCK,
 * signals. That one cannot be used, it takes the mutex with pipe_lock(): a
 * vmsplice(2) of somebody else may hold it in a fault that never ends, and
 * SIGKILL has to end this call all the same.
 *
 * The sleep is not an exclusive one. Nothing that wakes a writer is lost by
 * leaving the queue, even if the room is not used after all.
 */
static long process_vmsplice_room(struct pipe_inode_info *pipe,
				  unsigned int flags)
{
	unsigned int readers;
	unsigned int used;
	unsigned int max;
	int ret;

	for (;;) {
		ret = mutex_lock_killable(&pipe->mutex);
		if (ret)
			return ret;
		readers = pipe->readers;
		used = pipe_occupancy(pipe->head, pipe->tail);
		max = pipe->max_usage;
		mutex_unlock(&pipe->mutex);

		if (!readers) {
			send_sig(SIGPIPE, current, 0);
			return -EPIPE;
		}
		if (used < max)
			return max - used;
		if (flags & SPLICE_F_NONBLOCK)
			return -EAGAIN;
		ret = wait_event_interruptible(pipe->wr_wait,
					       process_vmsplice_may_go_on(pipe));
		if (ret)
			return ret;
	}
}

/*
 * Get up to @nr pages at @addr, a page's address, as process_vm_readv(2) does:
 * by the target's page tables and its protections, never by force. With a
 * plain reference instead of its FOLL_PIN: the pipe drops one with put_page(),
 * at a time that nobody knows.
 *
 * Only SIGKILL ends a fault that does not come back; -ENOMEM stays -ENOMEM.
 */
static long process_vmsplice_get(struct mm_struct *mm, unsigned long addr,
				 unsigned long nr, struct page **pages)
{
	int locked = 1;
	long got;

	/* All users have gone since access was granted: so has the process. */
	if (!mmget_not_zero(mm))
		return -ESRCH;

	if (mmap_read_lock_killable(mm)) {
		got = -EINTR;
	} else {
		got = process_vmsplice_gup(mm, addr, nr, pages, &locked);
		if (locked)
			mmap_read_unlock(mm);
	}
	mmput(mm);

	/* No page and no error is not to happen; it must not loop for ever. */
	return got ? got : -EFAULT;
}

/*
 * Give @nr pages to the pipe: @len bytes, from @offset in the first page. All
 * page references are used up, whatever happens.
 *
 * Returns the bytes that the pipe took, less than @len if it became full, or
 * an error if it took none: -EAGAIN (full), -EPIPE (no readers, SIGPIPE is
 * sent), -EINTR (killed).
 */
static ssize_t process_vmsplice_put(struct pipe_inode_info *pipe,
				    struct page **pages, unsigned int nr,
				    unsigned int offset, size_t len,
				    unsigned int buf_flags)
{
	struct pipe_buffer buf = {
		.ops = &user_page_pipe_buf_ops,
		.flags = buf_flags,
	};
	unsigned int i = 0;
	size_t done = 0;
	ssize_t ret;

	ret = mutex_lock_killable(&pipe->mutex);
	if (!ret) {
		while (i < nr) {
			buf.page = pages[i++];
			buf.offset = offset;
			buf.len = min_t(size_t, len - done, PAGE_SIZE - offset);
			/* Looks at readers and room, drops a page not taken. */
			ret = add_to_pipe(pipe, &buf);
			if (ret < 0)
				break;
			done += ret;
			offset = 0;
		}
		mutex_unlock(&pipe->mutex);
	}
	while (i < nr)
		put_page(pages[i++]);

	return done ? done : ret;
}

/*
 * Move what the pipe has room for.
 *
 * The room that is found at first is all that is filled, as in vmsplice(2),
 * where nobody can read before the call is done. It is waited for only as long
 * as nothing has been moved: after that, whatever ends the transfer, the
 * answer is the number of bytes.
 *
 * Readers are woken for each batch and not once at the end: the next fault may
 * take for ever, perhaps because it waits for the reader.
 */
static ssize_t process_vmsplice_fill(struct pipe_inode_info *pipe,
				     struct mm_struct *mm,
				     const struct iovec *iov,
				     unsigned long nr_segs, unsigned int flags)
{
	unsigned int buf_flags = flags & SPLICE_F_GIFT ? PIPE_BUF_FLAG_GIFT : 0;
	struct page *pages[PROCESS_VMSPLICE_BATCH];
	unsigned long offset, addr, nr, seg;
	size_t total = 0;
	size_t want, left;
	ssize_t ret = 0;
	long room = 0;
	long got;

	for (seg = 0; seg < nr_segs; seg++) {
		addr = (unsigned long)iov[seg].iov_base;
		left = min_t(size_t, iov[seg].iov_len, MAX_RW_COUNT - total);

		while (left) {
			if (!room) {
				if (total)
					return total;
				room = process_vmsplice_room(pipe, flags);
				if (room < 0)
					return room;
			}

			offset = offset_in_page(addr);
			nr = DIV_ROUND_UP(offset + left, PAGE_SIZE);
			nr = min3(nr, (unsigned long)room, ARRAY_SIZE(pages));
			got = process_vmsplice_get(mm, addr - offset, nr, pages);
			if (got < 0)
				return total ? total : got;

			want = min_t(size_t, left, got * PAGE_SIZE - offset);
			ret = process_vmsplice_put(pipe, pages, got, offset,
						   want, buf_flags);
			if (ret == -EAGAIN && !total) {
				/* Others took the room: nothing moved yet. */
				room = 0;
				continue;
			}
			if (ret < 0)
				return total ? total : ret;

			wakeup_pipe_readers(pipe);
			total += ret;
			if (ret < want)
				return total;
			addr += ret;
			left -= ret;
			room -= got;
		}
	}
	return total;
}

static ssize_t process_vmsplice_file(struct file *file, pid_t pid,
				     const struct iovec __user *uiov,
				     unsigned long nr_segs, unsigned int flags)
{
	struct iovec stack[UIO_FASTIOV];
	struct pipe_inode_info *pipe;
	struct mm_struct *mm;
	struct iovec *iov;
	unsigned long seg;
	ssize_t ret;

	mm = process_vmsplice_mm(pid);
	if (IS_ERR(mm))
		return PTR_ERR(mm);

	ret = -EBADF;
	if (!(file->f_mode & FMODE_WRITE))
		goto drop_mm;
	pipe = get_pipe_info(file, true);
	if (!pipe)
		goto drop_mm;

	iov = process_vmsplice_iov(uiov, nr_segs, stack, flags);
	if (IS_ERR(iov)) {
		ret = PTR_ERR(iov);
		goto drop_mm;
	}

	/* Nothing to move: neither readers nor room matter. */
	ret = 0;
	for (seg = 0; seg < nr_segs && !iov[seg].iov_len; seg++)
		;
	if (seg < nr_segs) {
		pipe_clear_nowait(file);
		ret = process_vmsplice_fill(pipe, mm, iov, nr_segs, flags);
		if (ret > 0)
			process_vmsplice_notify(file);
	}

	if (iov != stack)
		kfree(iov);
drop_mm:
	mmdrop(mm);
	return ret;
}

/*
 * Both entries of x86 come here: an i386 caller's iovecs are recognized by
 * in_compat_syscall(), as in all calls of this family.
 */
SYSCALL_DEFINE5(process_vmsplice, pid_t, pid, int, fd,
		const struct iovec __user *, uiov, unsigned long, nr_segs,
		unsigned int, flags)
{
	ssize_t ret = -EBADF;
	struct fd f;

	if (flags & ~SPLICE_F_ALL)
		return -EINVAL;
	/* All of the unsigned long; import_iovec() would see its lower half. */
	if (nr_segs > UIO_MAXIOV)
		return -EINVAL;
	if (!nr_segs)
		return 0;

	f = fdget(fd);
	if (fd_file(f)) {
		ret = process_vmsplice_file(fd_file(f), pid, uiov, nr_segs,
					    flags);
		fdput(f);
	}
	return ret;
}
