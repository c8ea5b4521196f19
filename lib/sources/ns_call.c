/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running code inside a namespace, in a thread that ends afterwards; and what a cgroup says of a namespace's container. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/record.h"
#include "sources/namespaces.h"
#include "sources/procfs.h"

/* To be done at home. */
struct errand {
	int (*fn)(void *data);
	void *data;
	int result;
};

struct ipc_ns_call {
	struct ipc_ctx *ctx;
	const struct ipc_ns *const *places;
	size_t count;
	ipc_ns_visit_fn visit;
	void *data;
	int result;
	struct ipc_ns_call *outer; /* under way in the thread that waits; NULL: that is at home */
	int home_root;             /* ctx->root_fd of the thread that waits */
	pthread_mutex_t lock;
	pthread_cond_t turn;
	struct errand *errand; /* to be done by the thread that waits */
	bool over;
};

#define STACK_SIZE (2u << 20) /* a C library may give threads far less */

static const int flags[IPC_NS_TYPES] = {
	[IPC_NS_IPC] = CLONE_NEWIPC, [IPC_NS_NET] = CLONE_NEWNET, [IPC_NS_MNT] = CLONE_NEWNS};

static int open_ns(struct ipc_ctx *ctx, const struct ipc_ns *ns)
{
	struct stat st;
	int fd;

	fd = ns->path[0] == '/' ? open(ns->path, O_RDONLY | O_CLOEXEC)
				: openat(ctx->proc_fd, ns->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* The process may have gone and its number may be another's now. */
	if (fstat(fd, &st) < 0 || st.st_ino != ns->inode) {
		close(fd);
		return -ESTALE;
	}
	return fd;
}

static int enter(struct ipc_ctx *ctx, const struct ipc_ns *ns)
{
	int fd, r = 0;

	fd = open_ns(ctx, ns);
	if (fd < 0)
		return ipc_ctx_fail(ctx, fd, "cannot be reached: %s", strerror(-fd));
	/* The root and working directory are shared by the threads of a process until this one has its own. */
	if ((ns->type == IPC_NS_MNT && unshare(CLONE_FS) < 0) || setns(fd, flags[ns->type]) < 0) {
		r = -errno;
		ipc_ctx_fail(ctx, r, r == -EPERM ? "entering it needs CAP_SYS_ADMIN (root)" : "cannot be entered: %s",
			     strerror(errno));
	}
	close(fd);
	return r;
}

/* Paths are looked up below ctx->root_fd: for this visit that is the root of the other namespace. */
static int visit_mounts(struct ipc_ns_call *call, const struct ipc_ns *ns)
{
	struct ipc_ctx *ctx = call->ctx;
	int root, r;

	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0) {
		r = ipc_ctx_fail(ctx, -errno, "its root cannot be opened: %s", strerror(errno));
		return call->visit(ns, r, call->data);
	}
	ctx->root_fd = root;
	r = call->visit(ns, 0, call->data);
	ctx->root_fd = call->home_root;
	close(root);
	return r;
}

static void *inside(void *argument)
{
	struct ipc_ns_call *call = argument;
	size_t i;

	for (i = 0; call->result == 0 && i < call->count; i++) {
		const struct ipc_ns *ns = call->places[i];
		int r = enter(call->ctx, ns);

		call->result =
			r == 0 && ns->type == IPC_NS_MNT ? visit_mounts(call, ns) : call->visit(ns, r, call->data);
	}
	pthread_mutex_lock(&call->lock);
	call->over = true;
	pthread_cond_broadcast(&call->turn);
	pthread_mutex_unlock(&call->lock);
	return NULL;
}

/* Until the call is over, do what it asks for. */
static void serve(struct ipc_ns_call *call)
{
	pthread_mutex_lock(&call->lock);
	while (!call->over) {
		if (call->errand) {
			call->errand->result = call->errand->fn(call->errand->data);
			call->errand = NULL;
			pthread_cond_broadcast(&call->turn);
		} else {
			pthread_cond_wait(&call->turn, &call->lock);
		}
	}
	pthread_mutex_unlock(&call->lock);
}

/* What is to be done at home, on its way there. */
struct way_home {
	struct ipc_ctx *ctx;
	int (*fn)(void *data);
	void *data;
};

/* The thread that waits may be away itself. */
static int go_on(void *data)
{
	const struct way_home *way = data;

	return ipc_ns_at_home(way->ctx, way->fn, way->data);
}

int ipc_ns_at_home(struct ipc_ctx *ctx, int (*fn)(void *data), void *data)
{
	struct way_home way = {ctx, fn, data};
	struct errand errand = {.fn = go_on, .data = &way};
	struct ipc_ns_call *call = ctx->away;
	int root = ctx->root_fd;

	if (!call)
		return fn(data);
	pthread_mutex_lock(&call->lock);
	ctx->away = call->outer;
	ctx->root_fd = call->home_root;
	call->errand = &errand;
	pthread_cond_broadcast(&call->turn);
	while (call->errand)
		pthread_cond_wait(&call->turn, &call->lock);
	ctx->root_fd = root;
	ctx->away = call;
	pthread_mutex_unlock(&call->lock);
	return errand.result;
}

static int start(struct ipc_ns_call *call, pthread_t *thread)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int r;

	r = pthread_attr_init(&attr);
	if (r)
		return r;
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	/* The program's signal handlers must not run in a thread that stands elsewhere. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(thread, &attr, inside, call);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return r;
}

static int call_away(struct ipc_ctx *ctx, const struct ipc_ns *const *places, size_t count, ipc_ns_visit_fn visit,
		     void *data)
{
	struct ipc_ns_call call = {
		.ctx = ctx,
		.places = places,
		.count = count,
		.visit = visit,
		.data = data,
		.outer = ctx->away,
		.home_root = ctx->root_fd,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.turn = PTHREAD_COND_INITIALIZER,
	};
	pthread_t thread;
	size_t i;
	int r;

	ctx->away = &call;
	r = start(&call, &thread);
	if (r == 0) {
		serve(&call);
		pthread_join(thread, NULL);
	}
	ctx->away = call.outer;
	for (i = 0; r && call.result == 0 && i < count; i++)
		call.result = visit(places[i], ipc_ctx_fail(ctx, -r, "no thread could be made: %s", strerror(r)), data);
	return call.result;
}

/* A function that is to be run in one namespace. */
struct single {
	const struct ipc_ns *ns;
	ipc_ns_visit_fn visit;
	int (*fn)(void *data);
	void *data;
};

static int visit_single(const struct ipc_ns *ns, int error, void *data)
{
	const struct single *single = data;

	(void)ns;
	return error < 0 ? error : single->fn(single->data);
}

int ipc_ns_call(struct ipc_ctx *ctx, const struct ipc_ns *ns, int (*fn)(void *data), void *data)
{
	struct single single = {.fn = fn, .data = data};

	/* A callback of a query may stand in another one. */
	return ns->own ? ipc_ns_at_home(ctx, fn, data) : call_away(ctx, &ns, 1, visit_single, &single);
}

static int visit_own(void *data)
{
	const struct single *single = data;

	return single->visit(single->ns, 0, single->data);
}

/* How many from the first on one thread can visit. One that has entered a mount namespace finds no paths of the caller's any more. */
static size_t row_of(const struct ipc_ns *const *places, size_t count)
{
	size_t row = 1;

	while (places[0]->type != IPC_NS_MNT && row < count && places[row]->type == places[0]->type &&
	       !places[row]->own)
		row++;
	return row;
}

int ipc_ns_call_each(struct ipc_ctx *ctx, const struct ipc_ns *const *places, size_t count, ipc_ns_visit_fn visit,
		     void *data)
{
	size_t at, row;
	int r = 0;

	for (at = 0; r == 0 && at < count; at += row) {
		struct single own = {.ns = places[at], .visit = visit, .data = data};

		row = places[at]->own ? 1 : row_of(places + at, count - at);
		r = places[at]->own ? ipc_ns_at_home(ctx, visit_own, &own)
				    : call_away(ctx, places + at, row, visit, data);
	}
	return r;
}

/* ---- containers -------------------------------------------------------------------------------------------------- */

#define SHORT_ID 12 /* as container engines print ids */

/* The first run of 64 hexadecimal digits, which is how engines call their containers. */
static const char *find_id(const char *path)
{
	size_t run = 0;

	for (; *path; path++) {
		run = isxdigit((unsigned char)*path) ? run + 1 : 0;
		if (run == 64)
			return path - 63;
	}
	return NULL;
}

/* The path in the unified hierarchy ("0::/..."), or else in the first named one that is not the root. */
static char *cgroup_path(char *text)
{
	char *line, *save = NULL, *best = NULL;

	for (line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
		char *path = strchr(line, ':');

		path = path ? strchr(path + 1, ':') : NULL;
		if (path && path[1] && path[2] && (!best || strncmp(line, "0::", 3) == 0))
			best = path + 1;
	}
	return best;
}

void ipc_ns_container(struct ipc_ctx *ctx, struct ipc_ns *ns)
{
	struct ipc_buf text = {0};
	const char *path = NULL, *id;

	if (ns->pid != IPC_UNKNOWN_INT && ipc_proc_read(ctx, &text, "%" PRId64 "/cgroup", ns->pid) == 0 && text.len)
		path = cgroup_path(text.data);
	id = path ? find_id(path) : NULL;
	/* The caller's own cgroup says where the caller runs, not whose the namespace is. */
	ns->container = id ? strndup(id, SHORT_ID) : strdup(path && !ns->own ? path : "");
	ipc_buf_release(&text);
}
