/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers as people write them: 64M, 1.5GiB, 10m, 0x52e2c1. */
#ifndef IPC_MODEL_UNITS_H
#define IPC_MODEL_UNITS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Each reads all of @len bytes at @text, returns 0, -EINVAL (not of that form, negative, empty) or -ERANGE (does not
 * fit), and leaves @out untouched on failure.
 */

/* Decimal. */
int ipc_parse_uint(const char *text, size_t len, uint64_t *out);
/* Hexadecimal with 0x or 0X. */
int ipc_parse_hex(const char *text, size_t len, uint64_t *out);
/* Bytes: K M G T P and KiB.. are powers of 1024, KB MB.. of 1000, in any case; fractions of a unit are cut to bytes. */
int ipc_parse_size(const char *text, size_t len, uint64_t *out);
/* Nanoseconds: ns us ms s m h d w and sums such as 1h30m, with fractions; of bare numbers only 0. */
int ipc_parse_duration(const char *text, size_t len, int64_t *out);
/* Nanoseconds since the epoch: an RFC 3339 date (midnight UTC) or date-time with Z or an offset, to the nanosecond. */
int ipc_parse_time(const char *text, size_t len, int64_t *out);

#endif
