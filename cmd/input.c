/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is to be sent, read as a whole or piece by piece. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "input.h"
#include "message.h"

#define PIECE ((size_t)65536)
#define MOST ((size_t)1 << 30) /* of what has no limit: it has to be kept in memory */

enum code input_open(struct input *input, const struct app *app, const char *target, const char *text, const char *file)
{
	*input = (struct input){.app = app, .target = target, .name = "standard input", .fd = -1};
	if (text) {
		text_string(&input->text, text);
		return CODE_DONE;
	}
	if (!file || !strcmp(file, "-")) {
		input->fd = STDIN_FILENO;
		return CODE_DONE;
	}
	input->name = file;
	input->fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (input->fd >= 0)
		return CODE_DONE;
	complain(app, file, "cannot be read: %s; nothing was sent", strerror(errno));
	return CODE_FAILED;
}

/* At most @most bytes, appended. Returns how many, or -errno. */
static ssize_t read_piece(struct input *input, size_t most)
{
	ssize_t n;

	do {
		n = read(input->fd, text_reserve(&input->text, most), most);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	input->text.len += (size_t)n;
	return n;
}

enum code input_read_all(struct input *input, size_t limit)
{
	size_t most = limit ? limit : MOST;
	ssize_t n = 1;

	/* One byte more than is allowed tells that it is too much. */
	while (input->fd >= 0 && n > 0 && input->text.len <= most) {
		size_t room = most + 1 - input->text.len;

		n = read_piece(input, room < PIECE ? room : PIECE);
	}
	if (n < 0) {
		complain(input->app, input->name, "cannot be read: %s; nothing was sent", strerror((int)-n));
		return CODE_FAILED;
	}
	if (input->text.len <= most)
		return CODE_DONE;
	complain(input->app, input->target,
		 "%s%smore than %zu bytes, which is the most that one message may have; nothing was sent",
		 input->fd >= 0 ? input->name : "", input->fd >= 0 ? ": " : "", most);
	return CODE_FAILED;
}

enum code input_read_some(struct input *input)
{
	ssize_t n;

	text_clear(&input->text);
	if (input->fd < 0)
		return CODE_DONE;
	n = read_piece(input, PIECE);
	if (n >= 0)
		return CODE_DONE;
	complain(input->app, input->name, "cannot be read: %s", strerror((int)-n));
	return CODE_FAILED;
}

void input_release(struct input *input)
{
	if (input->fd > STDERR_FILENO)
		close(input->fd);
	text_release(&input->text);
	*input = (struct input){.fd = -1};
}
