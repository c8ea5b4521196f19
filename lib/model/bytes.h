/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Byte strings: literals, comparison, a growing buffer, and the \xHH escape of names. */
#ifndef IPC_MODEL_BYTES_H
#define IPC_MODEL_BYTES_H

#include <ipctool/ipctool.h>

#define IPC_BYTES(literal) ((struct ipc_bytes){(literal), sizeof(literal) - 1})
#define IPC_NO_BYTES ((struct ipc_bytes){NULL, 0})

/* Borrow a C string (NULL gives IPC_NO_BYTES). */
struct ipc_bytes ipc_bytes_of(const char *text);
bool ipc_bytes_equal(struct ipc_bytes a, struct ipc_bytes b);
/* As memcmp on the common part, then the shorter first; absent ones first. */
int ipc_bytes_compare(struct ipc_bytes a, struct ipc_bytes b);
bool ipc_bytes_starts(struct ipc_bytes bytes, const char *prefix);
bool ipc_bytes_ends(struct ipc_bytes bytes, const char *suffix);

/* A growing buffer; zero-initialised is empty. Always terminated once something was appended. */
struct ipc_buf {
	char *data;
	size_t len;
	size_t room;
};

/* All return 0 or -ENOMEM; on failure the buffer is as it was. */
int ipc_buf_append(struct ipc_buf *buf, const void *data, size_t len);
int ipc_buf_format(struct ipc_buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* As ipc_escape() prints it. */
int ipc_buf_escape(struct ipc_buf *buf, struct ipc_bytes bytes);
/* For ipc_buf_reserve(). */
int ipc_buf_grow(struct ipc_buf *buf, size_t more);

/* Room for @more further bytes behind len. */
static inline int ipc_buf_reserve(struct ipc_buf *buf, size_t more)
{
	return more < buf->room - buf->len ? 0 : ipc_buf_grow(buf, more);
}

void ipc_buf_clear(struct ipc_buf *buf);
void ipc_buf_release(struct ipc_buf *buf);

/*
 * Numbers without the cost of a format, which every object has some of: written to @at, without a terminator. Return what is
 * behind them.
 */
#define IPC_UINT_MOST 20 /* bytes that ipc_put_uint() writes at most */
char *ipc_put_uint(char *at, uint64_t number);
#define IPC_INT_MOST 20
char *ipc_put_int(char *at, int64_t number);
/* "0x" and at least @digits digits. */
#define IPC_HEX_MOST 18
char *ipc_put_hex(char *at, uint64_t number, unsigned digits);

/*
 * Decode \xHH (two hexadecimal digits, either case) in @text into @out (appended).
 * Returns 0, -ENOMEM, or -EINVAL for any other backslash; *@bad is then its offset.
 */
int ipc_unescape(const char *text, size_t len, struct ipc_buf *out, size_t *bad);

/* A 64-bit hash (FNV-1a or better) of bytes, for in-memory tables. */
uint64_t ipc_hash(const void *data, size_t len);

#endif
