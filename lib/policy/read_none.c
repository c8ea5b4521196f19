/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* No policy files: this build was made without inih. */
#include <errno.h>

#include "policy/policy.h"

bool ipc_policy_built(void)
{
	return false;
}

int ipc_policy_parse(struct ipc_policy *policy, const char *file, const char *text, size_t len)
{
	(void)policy;
	(void)file;
	(void)text;
	(void)len;
	return -ENOTSUP;
}
