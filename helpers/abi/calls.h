/* SPDX-License-Identifier: MIT */
/*
 * The system calls that a test can make, as their manual pages declare them, or where the kernel's
 * own entry differs from the library's (mmap, rt_sigaction, ...) as the kernel does. A pointer to
 * const is read by the call; a structure passed for any other pointer is given back as the call
 * left it.
 */

/* not in any released kernel: kernel-matrix/reference has it */
ssize_t process_vmsplice(pid_t pid, int fd, const struct iovec *iov, unsigned long nr_segs,
			 unsigned int flags);

/* the shipped calls that it is made of */
ssize_t vmsplice(int fd, const struct iovec *iov, unsigned long nr_segs, unsigned int flags);
ssize_t process_vm_readv(pid_t pid, const struct iovec *lvec, unsigned long liovcnt,
			 const struct iovec *rvec, unsigned long riovcnt, unsigned long flags);
ssize_t process_vm_writev(pid_t pid, const struct iovec *lvec, unsigned long liovcnt,
			  const struct iovec *rvec, unsigned long riovcnt, unsigned long flags);
ssize_t splice(int fd_in, loff_t *off_in, int fd_out, loff_t *off_out, size_t len,
	       unsigned int flags);
ssize_t tee(int fd_in, int fd_out, size_t len, unsigned int flags);

/* descriptors */
int openat(int dirfd, const char *path, int flags, unsigned int mode);
int close(unsigned int fd);
int dup3(unsigned int oldfd, unsigned int newfd, int flags);
int fcntl(unsigned int fd, unsigned int cmd, unsigned long arg);
int ioctl(unsigned int fd, unsigned int cmd, void *arg);
ssize_t read(unsigned int fd, void *buf, size_t count);
ssize_t write(unsigned int fd, const void *buf, size_t count);
ssize_t pread64(unsigned int fd, void *buf, size_t count, loff_t offset);
ssize_t pwrite64(unsigned int fd, const void *buf, size_t count, loff_t offset);
ssize_t preadv2(unsigned int fd, const struct iovec *iov, unsigned long vlen, unsigned long pos_l,
		unsigned long pos_h, int flags);
ssize_t pwritev2(unsigned int fd, const struct iovec *iov, unsigned long vlen, unsigned long pos_l,
		 unsigned long pos_h, int flags);
loff_t lseek(unsigned int fd, loff_t offset, unsigned int whence);
int ftruncate(unsigned int fd, loff_t length);
int pipe2(int *fds, int flags);
int poll(struct pollfd *fds, unsigned int nfds, int timeout);
int eventfd2(unsigned int initval, int flags);
int epoll_create1(int flags);
int socket(int domain, int type, int protocol);
int socketpair(int domain, int type, int protocol, int *fds);
int bind(int sockfd, const void *addr, unsigned int addrlen);
int listen(int sockfd, int backlog);
int connect(int sockfd, const void *addr, unsigned int addrlen);
int accept4(int sockfd, void *addr, void *addrlen, int flags);
int getsockname(int sockfd, void *addr, unsigned int *addrlen);
ssize_t sendmsg(int sockfd, const void *msg, int flags);
int setsockopt(int sockfd, int level, int optname, const void *optval, unsigned int optlen);
int memfd_create(const char *name, unsigned int flags);
int memfd_secret(unsigned int flags);
int userfaultfd(int flags);
int pidfd_open(pid_t pid, unsigned int flags);
int signalfd4(int fd, const uint64_t *mask, size_t sizemask, int flags);
int timerfd_create(int clockid, int flags);
int inotify_init1(int flags);
int inotify_add_watch(int fd, const char *path, uint32_t mask);
int fanotify_init(unsigned int flags, unsigned int event_f_flags);
int perf_event_open(const void *attr, pid_t pid, int cpu, int group_fd, unsigned long flags);
int io_uring_setup(unsigned int entries, void *params);
int bpf(int cmd, const void *attr, unsigned int size);
int fsopen(const char *fs_name, unsigned int flags);
int fspick(int dirfd, const char *path, unsigned int flags);
int open_tree(int dirfd, const char *path, unsigned int flags);
int epoll_ctl(int epfd, int op, int fd, const struct epoll_event *event);
int epoll_pwait(int epfd, struct epoll_event *events, int maxevents, int timeout,
		const uint64_t *sigmask, size_t sigsetsize);

/* files */
int mkdirat(int dirfd, const char *path, unsigned int mode);
int mknodat(int dirfd, const char *path, unsigned int mode, unsigned int dev);
int unlinkat(int dirfd, const char *path, int flags);
int fchmodat(int dirfd, const char *path, unsigned int mode);
int statx(int dirfd, const char *path, int flags, unsigned int mask, struct statx_head *buf);
int fchownat(int dirfd, const char *path, uid_t uid, gid_t gid, int flags);
int utimensat(int dirfd, const char *path, const struct timespec *times, int flags);
int mount(const char *source, const char *target, const char *type, unsigned long flags,
	  const void *data);
int umount2(const char *target, int flags);

/* memory */
void *mmap(void *addr, size_t length, unsigned long prot, unsigned long flags, unsigned long fd,
	   loff_t offset);
int munmap(void *addr, size_t length);
int mprotect(void *addr, size_t length, unsigned long prot);
int madvise(void *addr, size_t length, int advice);
int swapon(const char *path, int flags);
int swapoff(const char *path);
int pkey_alloc(unsigned int flags, unsigned long access_rights);
int pkey_mprotect(void *addr, size_t length, unsigned long prot, int pkey);

/* processes, signals, time */
pid_t getpid(void);
pid_t gettid(void);
pid_t getppid(void);
int kill(pid_t pid, int sig);
int tgkill(pid_t tgid, pid_t tid, int sig);
pid_t wait4(pid_t pid, int *status, int options, void *usage);
int finit_module(int fd, const char *param_values, int flags);
long ptrace(long request, pid_t pid, void *addr, void *data);
int prctl(int option, unsigned long arg2, unsigned long arg3, unsigned long arg4,
	  unsigned long arg5);
int prlimit64(pid_t pid, unsigned int resource, const struct rlimit64 *new_limit,
	      struct rlimit64 *old_limit);
int unshare(unsigned long flags);
int execve(const char *path, const void *argv, const void *envp);
void exit_group(int status);
int rt_sigaction(int sig, const struct kernel_sigaction *act, struct kernel_sigaction *oldact,
		 size_t sigsetsize);
int rt_sigprocmask(int how, const uint64_t *set, uint64_t *oldset, size_t sigsetsize);
int setitimer(int which, const struct itimerval *value, struct itimerval *oldvalue);
int seccomp(unsigned int operation, unsigned int flags, void *args);

/* identity */
uid_t getuid(void);
int setresuid(uid_t ruid, uid_t euid, uid_t suid);
int setresgid(gid_t rgid, gid_t egid, gid_t sgid);
int setgroups(int size, const gid_t *list);
int landlock_create_ruleset(const uint64_t *attr, size_t size, unsigned int flags);
int landlock_restrict_self(int ruleset_fd, unsigned int flags);
int capget(struct cap_header *header, struct cap_data *data);
int capset(struct cap_header *header, const struct cap_data *data);
