/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which table fits: libsmartcols keeps all rows and is slow on many, so it is for terminals alone. */
#include <unistd.h>

#include "render.h"

struct renderer *render_table_new(void)
{
#ifdef HAVE_SMARTCOLS
	if (isatty(STDOUT_FILENO))
		return render_smartcols_new();
#endif
	return render_stream_new();
}
