/* The log. Events become words here and nowhere else; they hold no secrets, and what a peer wrote
 * can't forge a line. */
#include "host/log.h"

#include <stdarg.h>
#include <string.h>

struct event_words {
	const char *group;
	const char *words; /* in front of the event's text */
};

static const struct event_words words_of[] = {
	[IKE_EVENT_IKE_UP] = { "IKE", "IKE SA up" },
	[IKE_EVENT_IKE_DOWN] = { "IKE", "IKE SA down" },
	[IKE_EVENT_IKE_REKEYED] = { "IKE", "IKE SA rekeyed" },
	[IKE_EVENT_IKE_REPLACED] = { "IKE", "IKE SA takes the place" },
	[IKE_EVENT_CHILD_UP] = { "CHD", "up" },
	[IKE_EVENT_CHILD_DOWN] = { "CHD", "down" },
	[IKE_EVENT_CHILD_REKEYED] = { "CHD", "rekeyed" },
	[IKE_EVENT_SENT] = { "ENC", "sent" },
	[IKE_EVENT_RECEIVED] = { "ENC", "received" },
	[IKE_EVENT_RETRANSMIT] = { "IKE", "" },
	[IKE_EVENT_DROPPED] = { "NET", "dropped" },
	[IKE_EVENT_FAILED] = { "IKE", "failed" },
	[IKE_EVENT_NOTE] = { "IKE", "" },
	[IKE_EVENT_DONE] = { "CFG", "done" },
	[IKE_EVENT_IKE_UPDATED] = { "IKE", "IKE SA moved" },
};

const char *log_group(enum ike_event_kind kind)
{
	return words_of[kind].group;
}

/* A command that failed is worth a line; one that worked was answered to whoever gave it. */
uint8_t log_level(const struct ike_event *event)
{
	if (event->kind == IKE_EVENT_DONE)
		return event->ok ? 2 : 1;
	return event->level;
}

static void render_message(const struct ike_event *event, char *out, size_t out_size)
{
	char where[ENDPOINT_TEXT_MAX] = "nowhere";
	const char *towards = event->kind == IKE_EVENT_SENT ? "to" : "from";

	if (event->path)
		endpoint_print(&event->path->remote, where);
	if (event->kind == IKE_EVENT_DROPPED)
		snprintf(out, out_size, "dropped %zu bytes from %s: %s", event->size, where,
			event->text);
	else
		snprintf(out, out_size, "%s %s %s %s (%zu bytes)", words_of[event->kind].words,
			event->text, towards, where, event->size);
}

/* "child net/3 rekeyed from net/2: text", each part where it is known. */
static void render_change(const struct ike_event *event, char *out, size_t out_size)
{
	const char *words = words_of[event->kind].words;
	const char *name = event->child_name ? event->child_name : "";
	bool ike = event->kind == IKE_EVENT_IKE_REKEYED || event->kind == IKE_EVENT_IKE_REPLACED;
	FILE *f = fmemopen(out, out_size, "w");

	if (!f)
		return;
	if (*name && event->child_id)
		fprintf(f, "child %s/%u ", name, event->child_id);
	else if (*name)
		fprintf(f, "child %s ", name);
	fputs(words, f);
	if (event->kind == IKE_EVENT_CHILD_REKEYED && event->old_id)
		fprintf(f, " from %s/%u", name, event->old_id);
	else if (ike && event->old_id)
		fprintf(f, " %s %s/%u", event->kind == IKE_EVENT_IKE_REKEYED ? "from" : "of",
			event->ike_name, event->old_id);
	if (event->text && *event->text)
		fprintf(f, "%s%s", *words ? ": " : "", event->text);
	fputc(0, f);
	fclose(f);
	out[out_size - 1] = 0;
}

char *log_render(const struct ike_event *event, char *out, size_t out_size)
{
	out[0] = 0;
	if (event->kind == IKE_EVENT_SENT || event->kind == IKE_EVENT_RECEIVED ||
		(event->kind == IKE_EVENT_DROPPED && event->path))
		render_message(event, out, out_size);
	else if (event->kind == IKE_EVENT_DONE)
		snprintf(out, out_size, "command %s: %s", event->ok ? "done" : "failed",
			event->text);
	else
		render_change(event, out, out_size);
	return out;
}

/* Writing. */

char *log_format(const struct log_line *line, const struct tm *when, unsigned milliseconds,
	char *out, size_t out_size)
{
	char who[128] = "";
	size_t length;

	if (line->ike_id || (line->ike_name && *line->ike_name))
		snprintf(who, sizeof(who), "[%s/%u] ",
			line->ike_name && *line->ike_name ? line->ike_name : "?", line->ike_id);
	snprintf(out, out_size, "%02d:%02d:%02d.%03u %s%s", when->tm_hour, when->tm_min,
		when->tm_sec, milliseconds, who, line->text);

	length = strlen(out);
	for (size_t i = 0; i < length; i++) {
		if ((unsigned char)out[i] < ' ' || out[i] == 0x7f)
			out[i] = '?';
	}
	if (length + 1 >= out_size)
		length = out_size - 2;
	out[length] = '\n';
	out[length + 1] = 0;
	return out;
}

static void publish(struct log *log, const struct log_line *line)
{
	if (line->level <= log->level) {
		char text[LOG_LINE_MAX + 256];
		struct timespec now;
		struct tm when;

		clock_gettime(CLOCK_REALTIME, &now);
		localtime_r(&now.tv_sec, &when);
		fputs(log_format(
			      line, &when, (unsigned)(now.tv_nsec / 1000000), text, sizeof(text)),
			log->out);
	}
	if (log->subscriber)
		log->subscriber(log->context, line);
}

void log_event(struct log *log, const struct ike_event *event)
{
	char text[LOG_LINE_MAX];
	const struct log_line line = {
		.group = log_group(event->kind),
		.level = log_level(event),
		.ike_name = event->ike_name ? event->ike_name : "",
		.ike_id = event->ike_id,
		.text = log_render(event, text, sizeof(text)),
	};

	publish(log, &line);
}

void log_text(struct log *log, const char *group, uint8_t level, const char *format, ...)
{
	char text[LOG_LINE_MAX];
	const struct log_line line = {
		.group = group, .level = level, .ike_name = "", .text = text
	};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	publish(log, &line);
}
