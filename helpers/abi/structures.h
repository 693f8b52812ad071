/* SPDX-License-Identifier: MIT */
/* Structures that the calls take; tests/helpers verifies their layout against the system's headers. */
typedef int pid_t;
typedef unsigned int uid_t;
typedef unsigned int gid_t;
typedef int64_t loff_t;

struct iovec {
	void *iov_base;
	size_t iov_len;
};

/* what the i386 entry takes: include/linux/compat.h */
struct compat_iovec {
	uint32_t iov_base;
	int32_t iov_len;
};

/* what rt_sigaction(2) takes, not what sigaction(3) does: arch/x86/include/asm/signal.h */
struct kernel_sigaction {
	uint64_t handler;
	uint64_t flags;
	uint64_t restorer;
	uint64_t mask;
};

struct timeval {
	long tv_sec;
	long tv_usec;
};

struct timespec {
	int64_t tv_sec;
	int64_t tv_nsec;
};

struct itimerval {
	struct timeval it_interval;
	struct timeval it_value;
};

struct pollfd {
	int fd;
	short events;
	short revents;
};

/* packed on x86_64, so that data follows events at once: include/uapi/linux/eventpoll.h */
struct epoll_event {
	uint32_t events;
	uint32_t data[2];
};

struct statx_timestamp {
	int64_t tv_sec;
	uint32_t tv_nsec;
	int32_t unnamed;
};

/* struct statx of include/uapi/linux/stat.h, named as far as it is used */
struct statx_head {
	uint32_t stx_mask;
	uint32_t stx_blksize;
	uint64_t stx_attributes;
	uint32_t stx_nlink;
	uint32_t stx_uid;
	uint32_t stx_gid;
	uint16_t stx_mode;
	uint16_t unnamed;
	uint64_t stx_ino;
	uint64_t stx_size;
	uint64_t stx_blocks;
	uint64_t stx_attributes_mask;
	struct statx_timestamp stx_atime;
	struct statx_timestamp stx_btime;
	struct statx_timestamp stx_ctime;
	struct statx_timestamp stx_mtime;
	uint64_t rest[16];
};

struct rlimit64 {
	uint64_t rlim_cur;
	uint64_t rlim_max;
};

/* struct __user_cap_header_struct and _data_struct of linux/capability.h */
struct cap_header {
	uint32_t version;
	int pid;
};

struct cap_data {
	uint32_t effective;
	uint32_t permitted;
	uint32_t inheritable;
};
