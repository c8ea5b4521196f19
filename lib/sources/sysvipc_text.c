/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines of /proc/sysvipc/msg, sem and shm, read by one table of columns each. */
#include "sources/sysvipc_text.h"

#include <errno.h>
#include <string.h>

#include "model/record.h"

/* How a column is written; all are stored in 64 bits. */
enum column_form { DECIMAL, SIGNED, OCTAL };

struct column {
	size_t offset;
	enum column_form form;
	bool optional; /* older kernels end the line before it */
};

#define COLUMN(member, form)                                      \
	{                                                         \
		offsetof(union ipc_sysv_any, member), form, false \
	}
#define LATER(member, form)                                      \
	{                                                        \
		offsetof(union ipc_sysv_any, member), form, true \
	}

static const struct column msg_columns[] = {
	COLUMN(perm.key, SIGNED),   COLUMN(perm.id, DECIMAL),      COLUMN(perm.mode, OCTAL),
	COLUMN(msg.bytes, DECIMAL), COLUMN(msg.messages, DECIMAL), COLUMN(msg.lspid, DECIMAL),
	COLUMN(msg.lrpid, DECIMAL), COLUMN(perm.uid, DECIMAL),     COLUMN(perm.gid, DECIMAL),
	COLUMN(perm.cuid, DECIMAL), COLUMN(perm.cgid, DECIMAL),    COLUMN(msg.stime, SIGNED),
	COLUMN(msg.rtime, SIGNED),  COLUMN(msg.ctime, SIGNED),
};

static const struct column sem_columns[] = {
	COLUMN(perm.key, SIGNED),  COLUMN(perm.id, DECIMAL),  COLUMN(perm.mode, OCTAL),   COLUMN(sem.nsems, DECIMAL),
	COLUMN(perm.uid, DECIMAL), COLUMN(perm.gid, DECIMAL), COLUMN(perm.cuid, DECIMAL), COLUMN(perm.cgid, DECIMAL),
	COLUMN(sem.otime, SIGNED), COLUMN(sem.ctime, SIGNED),
};

static const struct column shm_columns[] = {
	COLUMN(perm.key, SIGNED),  COLUMN(perm.id, DECIMAL),   COLUMN(perm.mode, OCTAL),    COLUMN(shm.size, DECIMAL),
	COLUMN(shm.cpid, DECIMAL), COLUMN(shm.lpid, DECIMAL),  COLUMN(shm.nattch, DECIMAL), COLUMN(perm.uid, DECIMAL),
	COLUMN(perm.gid, DECIMAL), COLUMN(perm.cuid, DECIMAL), COLUMN(perm.cgid, DECIMAL),  COLUMN(shm.atime, SIGNED),
	COLUMN(shm.dtime, SIGNED), COLUMN(shm.ctime, SIGNED),  LATER(shm.rss, DECIMAL),     LATER(shm.swapped, DECIMAL),
};

static const struct table {
	const char *name;
	const struct column *columns;
	size_t count;
} tables[] = {
	[IPC_SYSV_MSG] = {"msg", msg_columns, sizeof(msg_columns) / sizeof(msg_columns[0])},
	[IPC_SYSV_SEM] = {"sem", sem_columns, sizeof(sem_columns) / sizeof(sem_columns[0])},
	[IPC_SYSV_SHM] = {"shm", shm_columns, sizeof(shm_columns) / sizeof(shm_columns[0])},
};

const char *ipc_sysv_type_name(enum ipc_sysv_type type)
{
	return tables[type].name;
}

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\t'))
		at++;
	return at;
}

/* Reads one number; false when there is none or it does not fit. */
static bool read_number(const char **at, const char *end, enum column_form form, uint64_t *out)
{
	const uint64_t base = form == OCTAL ? 8 : 10;
	const char *p = *at;
	bool negative = form == SIGNED && p < end && *p == '-';
	uint64_t value = 0;
	const char *first;

	p += negative;
	for (first = p; p < end && *p >= '0' && *p < (char)('0' + base); p++)
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, (uint64_t)(*p - '0'), &value))
			return false;
	if (p == first || (p < end && *p != ' ' && *p != '\t'))
		return false;
	if (form == SIGNED && value > INT64_MAX)
		return false;
	*out = negative ? -value : value;
	*at = p;
	return true;
}

static bool read_line(const struct table *table, const char *at, const char *end, union ipc_sysv_any *out)
{
	const struct column *column;
	uint64_t value;

	memset(out, 0, sizeof(*out));
	for (column = table->columns; column < table->columns + table->count; column++) {
		at = skip_blanks(at, end);
		if (at == end && column->optional)
			value = IPC_UNKNOWN;
		else if (!read_number(&at, end, column->form, &value))
			return false;
		memcpy((char *)out + column->offset, &value, sizeof(value));
	}
	out->perm.key &= UINT32_MAX;
	out->perm.flags = out->perm.mode & ~0777u;
	out->perm.mode &= 0777;
	return true;
}

int ipc_sysv_next_line(enum ipc_sysv_type type, const char **at, const char *end, union ipc_sysv_any *out)
{
	while (*at < end) {
		const char *start = skip_blanks(*at, end);
		const char *stop = memchr(start, '\n', (size_t)(end - start));

		if (!stop)
			stop = end;
		*at = stop < end ? stop + 1 : end;
		if (start == stop || *start == 'k')
			continue;
		return read_line(&tables[type], start, stop, out) ? 1 : -EBADMSG;
	}
	return 0;
}
