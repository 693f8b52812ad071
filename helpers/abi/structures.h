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

/* netlink(7), and what NETLINK_XFRM takes: include/uapi/linux/xfrm.h */
struct nlmsghdr {
	uint32_t nlmsg_len;
	uint16_t nlmsg_type;
	uint16_t nlmsg_flags;
	uint32_t nlmsg_seq;
	uint32_t nlmsg_pid;
};

/* an xfrm_address_t is written as its 16 bytes, the selector and the counters as theirs */
struct xfrm_association {
	uint8_t selector[56];
	uint8_t daddr[16];
	uint8_t spi[4];
	uint8_t proto;
	uint8_t padding[3];
	uint8_t saddr[16];
	uint64_t limits[8];
	uint64_t current[4];
	uint32_t replay_window_exceeded;
	uint32_t replayed;
	uint32_t integrity_failed;
	uint32_t seq;
	uint32_t reqid;
	uint16_t family;
	uint8_t mode;
	uint8_t replay_window;
	uint8_t flags;
	uint8_t unnamed[7];
};

struct xfrm_association_id {
	uint8_t daddr[16];
	uint8_t spi[4];
	uint16_t family;
	uint8_t proto;
	uint8_t unnamed;
};
