/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The list of classes and kinds: a new kind is one line here and one file beside this one. */
#include "classes/classes.h"

#include <string.h>

#include "classes/list.h"

/* Kinds of a class stand together, in the order that `list` shows them. */
#define KINDS(X)        \
	X(pipe)         \
	X(fifo)         \
	X(mq_sysv)      \
	X(mq_posix)     \
	X(shm_sysv)     \
	X(shm_posix)    \
	X(shm_memfd)    \
	X(shm_anon)     \
	X(shm_file)     \
	X(sem_sysv)     \
	X(sem_posix)    \
	X(sem_unnamed)  \
	X(sock_unix)    \
	X(sock_tcp)     \
	X(sock_udp)     \
	X(sock_raw)     \
	X(sock_mptcp)   \
	X(sock_sctp)    \
	X(sock_dccp)    \
	X(sock_packet)  \
	X(sock_netlink) \
	X(sock_vsock)   \
	X(sock_xdp)     \
	X(signal_process)

#define DECLARE(name) extern const struct ipc_kind ipc_kind_##name;
#define ADDRESS(name) &ipc_kind_##name,

KINDS(DECLARE)

static const struct ipc_kind *const kinds[] = {KINDS(ADDRESS)};

static const struct ipc_class *const classes[] = {
	&ipc_class_pipe, &ipc_class_fifo, &ipc_class_mq,     &ipc_class_shm,
	&ipc_class_sem,  &ipc_class_sock, &ipc_class_signal,
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

size_t ipc_kind_count(void)
{
	return COUNT(kinds);
}

const struct ipc_kind *ipc_kind_at(size_t index)
{
	return index < COUNT(kinds) ? kinds[index] : NULL;
}

size_t ipc_kind_index(const struct ipc_kind *kind)
{
	size_t i;

	for (i = 0; i < COUNT(kinds) && kinds[i] != kind; i++)
		;
	return i;
}

const struct ipc_class *ipc_class_next(const struct ipc_class *prev)
{
	size_t i = 0;

	if (prev)
		while (i < COUNT(classes) && classes[i++] != prev)
			;
	return i < COUNT(classes) ? classes[i] : NULL;
}

const struct ipc_class *ipc_class_find(const char *name)
{
	const struct ipc_class *cls = NULL;

	while ((cls = ipc_class_next(cls)))
		if (strcmp(cls->name, name) == 0)
			return cls;
	return NULL;
}

const char *ipc_class_name(const struct ipc_class *cls)
{
	return cls->name;
}

const char *ipc_class_help(const struct ipc_class *cls)
{
	return cls->help;
}

const char *ipc_class_columns(const struct ipc_class *cls)
{
	return cls->columns;
}

const struct ipc_kind *ipc_kind_next(const struct ipc_kind *prev)
{
	return ipc_kind_at(prev ? ipc_kind_index(prev) + 1 : 0);
}

const char *ipc_kind_name(const struct ipc_kind *kind)
{
	return kind->name;
}

const char *ipc_kind_help(const struct ipc_kind *kind)
{
	return kind->help;
}

const struct ipc_class *ipc_kind_class(const struct ipc_kind *kind)
{
	return kind->cls;
}

const struct ipc_record *ipc_kind_record(const struct ipc_kind *kind)
{
	return kind->cls->record;
}
