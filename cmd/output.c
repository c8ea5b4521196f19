/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Standard output: a text that is written out in large pieces. */
#include <errno.h>
#include <unistd.h>

#include "output.h"

bool output_flush(struct output *out)
{
	size_t done = 0;

	while (!out->error && done < out->text.len) {
		ssize_t n = write(out->fd, out->text.data + done, out->text.len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			out->error = errno;
	}
	text_clear(&out->text);
	return !out->error;
}
