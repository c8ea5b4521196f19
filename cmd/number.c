/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole numbers given to options. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "message.h"
#include "number.h"

enum taken number_take(const struct app *app, const char *option, const char *text, int64_t least, int64_t most,
		       int64_t *out)
{
	const char *digits = text + (*text == '-');
	int64_t number;

	errno = 0;
	number = strtoll(text, NULL, 10);
	if (!*digits || digits[strspn(digits, "0123456789")]) {
		complain(app, option, "'%s' is not a whole number", text);
		return TAKEN_BAD;
	}
	if (errno || number < least || number > most) {
		if (most == INT64_MAX && !errno)
			complain(app, option, "%s is not %" PRId64 " or more", text, least);
		else if (errno)
			complain(app, option, "%s does not fit into 64 bits", text);
		else
			complain(app, option, "%s is not from %" PRId64 " to %" PRId64, text, least, most);
		return TAKEN_BAD;
	}
	*out = number;
	return TAKEN;
}
