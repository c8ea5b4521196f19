/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: any bytes as settings, one NAME=TEXT in each line. What is refused has a reason and is not marked as given;
 * what is taken is, and values of semaphores stay in the order of their indexes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "settings.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct ipc_ctx *ctx; /* one for all inputs: making it looks at the whole host */

static void check_values(const struct ipc_settings *settings)
{
	size_t i;

	if (!(settings->given & IPC_SET_VALUE) != !settings->value_count)
		abort();
	for (i = 1; i < settings->value_count; i++)
		if (settings->values[i - 1].index >= settings->values[i].index)
			abort();
}

static const struct ipc_setting *find(const char *name)
{
	const struct ipc_setting *setting = NULL;

	while ((setting = ipc_setting_next(setting)) && strcmp(ipc_setting_name(setting), name) != 0)
		;
	return setting;
}

static void put(struct ipc_settings *settings, const char *name, const char *text)
{
	const struct ipc_setting *setting = find(name);
	unsigned before = settings->given;
	int r;

	/* Names of users and groups are for the name service of the host. */
	if (setting && setting->bit & (IPC_SET_OWNER | IPC_SET_GROUP) && text[strspn(text, "0123456789")])
		return;
	r = ipc_settings_put(settings, name, text);
	if (r == 0) {
		if (settings->given == before && !strchr(name, '['))
			abort();
		if (setting && !ipc_settings_has(settings, setting))
			abort();
	} else if ((r != -EINVAL && r != -ENOENT && r != -ENOMEM) || !*ipc_ctx_error(ctx)) {
		abort();
	} else if (settings->given != before || (r == -ENOENT && setting)) {
		abort();
	}
	check_values(settings);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipc_settings *settings;
	char *copy, *rest, *line;

	if (!ctx && ipc_ctx_new(&ctx))
		abort();
	copy = malloc(size + 1);
	if (!copy || ipc_settings_new(ctx, &settings)) {
		free(copy);
		return 0;
	}
	memcpy(copy, data, size);
	copy[size] = '\0';
	for (rest = copy; (line = strsep(&rest, "\n"));) {
		char *equals = strchr(line, '=');

		if (equals)
			*equals = '\0';
		put(settings, line, equals ? equals + 1 : "");
	}
	ipc_settings_free(settings);
	free(copy);
	return 0;
}
