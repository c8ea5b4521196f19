/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Why the programs that tell of events cannot be had: one sentence that names what is missing. */
#include "events/bpf_refusal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "context.h"

/* Since Linux 5.8; before that CAP_SYS_ADMIN was both, as it still is. */
#define CAPABILITY_PERFMON 38
#define CAPABILITY_BPF 39

/* ---- what this process may do ------------------------------------------------------------------------------------ */

static bool has_capability(unsigned number)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capget, &header, data) == 0 && data[number / 32].effective & 1u << number % 32;
}

static bool may(unsigned number)
{
	return has_capability(number) || has_capability(CAP_SYS_ADMIN);
}

/* The beginning of a small file, as a string. The running system's: it is the one that refused. */
static bool read_text(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = read(fd, text, size - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return n > 0;
}

/* What a process may do in a user namespace of its own is of no use here. */
static bool is_in_user_namespace(void)
{
	unsigned long inside = 0, outside = 0, count = 0;
	char text[64];

	return read_text("/proc/self/uid_map", text, sizeof(text)) &&
	       sscanf(text, "%lu %lu %lu", &inside, &outside, &count) == 3 &&
	       !(inside == 0 && outside == 0 && count == UINT32_MAX);
}

/* ---- what the kernel is like ------------------------------------------------------------------------------------- */

static bool is_locked_down(void)
{
	char text[128];

	return read_text("/sys/kernel/security/lockdown", text, sizeof(text)) && strstr(text, "[confidentiality]");
}

static bool has_types(void)
{
	return access("/sys/kernel/btf/vmlinux", R_OK) == 0;
}

static bool is_before(unsigned major, unsigned minor)
{
	struct utsname name;
	unsigned is_major = 0, is_minor = 0;

	return uname(&name) == 0 && sscanf(name.release, "%u.%u", &is_major, &is_minor) == 2 &&
	       (is_major < major || (is_major == major && is_minor < minor));
}

/* ---- sentences ----------------------------------------------------------------------------------------------------- */

static int refuse_privilege(struct ipc_ctx *ctx, const struct ipc_bpf_refusal *refusal)
{
	static const char needs[] = "watching by BPF needs CAP_BPF and CAP_PERFMON, which root has";
	struct rlimit limit;

	if (!may(CAPABILITY_BPF) && !may(CAPABILITY_PERFMON))
		return ipc_ctx_fail(ctx, -EPERM, "%s", needs);
	if (!may(CAPABILITY_BPF))
		return ipc_ctx_fail(ctx, -EPERM, "%s: CAP_BPF is missing", needs);
	if (!may(CAPABILITY_PERFMON))
		return ipc_ctx_fail(ctx, -EPERM, "%s: CAP_PERFMON is missing", needs);
	if (is_in_user_namespace())
		return ipc_ctx_fail(ctx, -EPERM, "%s outside of user namespaces", needs);
	if (refusal->step == IPC_BPF_NUMBERING)
		return ipc_ctx_fail(
			ctx, -EPERM,
			"watching by BPF needs tracefs, which this process may not read (CAP_DAC_READ_SEARCH "
			"where it is mounted, else CAP_SYS_ADMIN)");
	if (refusal->functions)
		return ipc_ctx_fail(
			ctx, -ENOTSUP,
			"this kernel does not allow programs behind its functions (fentry), but perhaps behind "
			"tracepoints");
	/* Until then the memory of programs and maps was counted as locked. */
	if (is_before(5, 11) && getrlimit(RLIMIT_MEMLOCK, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
		return ipc_ctx_fail(ctx, -EPERM,
				    "watching by BPF needs more locked memory than the limit of %" PRIu64
				    " KiB (ulimit -l), or CAP_SYS_RESOURCE",
				    (uint64_t)limit.rlim_cur >> 10);
	return ipc_ctx_fail(ctx, -EPERM,
			    "the kernel does not let this process use BPF although it has CAP_BPF and CAP_PERFMON: a "
			    "security policy forbids it");
}

static bool is_privilege(const struct ipc_bpf_refusal *refusal, int error)
{
	if (error == -EPERM)
		return true;
	/* What a program lacks a capability for the verifier may just not know: -EINVAL. -EACCES is what it says of a program's faults. */
	if (refusal->step == IPC_BPF_LOADING)
		return !may(CAPABILITY_BPF) || !may(CAPABILITY_PERFMON);
	return error == -EACCES;
}

int ipc_bpf_refuse(struct ipc_ctx *ctx, const struct ipc_bpf_refusal *refusal, int error)
{
	static const char *const steps[] = {
		[IPC_BPF_LOADING] = "does not take the BPF programs",
		[IPC_BPF_NUMBERING] = "has no tracefs, which tells its tracepoints",
		[IPC_BPF_ATTACHING] = "does not attach the BPF programs",
		[IPC_BPF_READING] = "does not hand over what the BPF programs tell",
	};

	/* ENOTSUPP, which the kernel should not let out: trampolines are not there on every architecture. */
	if (error == -524)
		error = -ENOTSUP;
	if (is_locked_down())
		return ipc_ctx_fail(ctx, -ENOTSUP,
				    "BPF cannot be used: the kernel is locked down (confidentiality), so that no "
				    "program may read its memory");
	if (is_privilege(refusal, error))
		return refuse_privilege(ctx, refusal);
	if (refusal->step == IPC_BPF_LOADING && (error == -ESRCH || !has_types()))
		return ipc_ctx_fail(
			ctx, -ENOTSUP,
			"watching by BPF needs a kernel that describes its types (CONFIG_DEBUG_INFO_BTF): there is "
			"no /sys/kernel/btf/vmlinux");
	if (error == -ENOMEM)
		return ipc_ctx_fail(ctx, error, "out of memory: room for events takes %" PRIu64 " KiB",
				    refusal->room >> 10);
	return ipc_ctx_fail(ctx, -ENOTSUP, "this kernel %s%s: %s", steps[refusal->step],
			    refusal->functions ? " behind its functions (fentry)" : "",
			    refusal->step == IPC_BPF_LOADING && error == -EACCES ? "its verifier refuses one"
										 : strerror(-error));
}
