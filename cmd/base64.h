/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes as base64 (RFC 4648), in lines as base64(1) writes them. */
#ifndef CMD_BASE64_H
#define CMD_BASE64_H

#include "text.h"

#define BASE64_LINE 57 /* bytes in a line of 76 characters */

/* Append all of @bytes, padded, without the end of a line. */
void base64_append(struct text *out, const unsigned char *bytes, size_t count);

#endif
