#include "ike/v2/window.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "ike/exchange.h"
#include "ike/v2/init.h"

enum window_verdict window_judge(const struct window *w, const struct ike_header *header)
{
	if (header->flags & FLAG_RESPONSE) {
		if (!w->waiting)
			return WINDOW_STALE;
		return header->message_id == w->next_request - 1 ? WINDOW_NEW : WINDOW_STALE;
	}
	if (header->message_id == w->next_expected)
		return w->working ? WINDOW_WORKING : WINDOW_NEW;
	if (header->message_id + 1 == w->next_expected && w->next_expected != 0)
		return w->response.count ? WINDOW_REPEAT : WINDOW_STALE;
	return header->message_id < w->next_expected ? WINDOW_STALE : WINDOW_AHEAD;
}

void frozen_clear(struct frozen *f)
{
	free(f->datagrams);
	*f = (struct frozen){ 0 };
}

void frozen_take(struct frozen *f, const struct bytes *datagrams, size_t count)
{
	size_t size = count * sizeof(struct bytes);
	uint8_t *at;

	for (size_t i = 0; i < count; i++)
		size += datagrams[i].size;
	frozen_clear(f);
	f->datagrams = malloc(size);
	if (!f->datagrams)
		return;

	f->count = count;
	at = (uint8_t *)(f->datagrams + count);
	for (size_t i = 0; i < count; i++) {
		memcpy(at, datagrams[i].data, datagrams[i].size);
		f->datagrams[i] = BYTES(at, datagrams[i].size);
		at += datagrams[i].size;
	}
}

static void frozen_send(struct ike_sa *sa, const struct frozen *f, const struct ike_path *path)
{
	if (f->count && path_equal(path, &sa->path))
		sa->sent_at = sa->engine->now;
	for (size_t i = 0; i < f->count; i++)
		engine_send(sa->engine, path, f->datagrams[i]);
}

uint64_t retransmit_after_ns(const struct ike_sa *sa, unsigned tries)
{
	const struct ike_options *o = &sa->engine->options;
	double after = (double)o->retransmit_timeout_ns * pow(o->retransmit_base, tries);
	uint64_t ns = after > (double)INT64_MAX ? INT64_MAX : (uint64_t)after;

	if (o->retransmit_limit_ns && ns > o->retransmit_limit_ns)
		ns = o->retransmit_limit_ns;
	if (o->retransmit_jitter_percent)
		ns -= ns / 100 *
			random_below(&sa->engine->options.random, o->retransmit_jitter_percent + 1);
	return ns;
}

void window_send_request(struct ike_sa *sa, const struct bytes *datagrams, size_t count)
{
	struct window *w = &sa->window;

	frozen_take(&w->request, datagrams, count);
	w->next_request++;
	w->waiting = true;
	sa->mobility.probed = false;
	sa->mobility.moves_at = sa->mobility.moves;
	window_resend(sa);
}

void window_resend(struct ike_sa *sa)
{
	struct window *w = &sa->window;

	if (!w->waiting)
		return;
	w->tries = 0;
	frozen_send(sa, &w->request, &sa->path);
	timer_set(&sa->engine->timers, &w->retransmit,
		sa->engine->now + retransmit_after_ns(sa, sa->window.tries));
}

void window_send_along(struct ike_sa *sa, const struct ike_path *path)
{
	frozen_send(sa, &sa->window.request, path);
}

void window_send_response(
	struct ike_sa *sa, const struct bytes *datagrams, size_t count, const struct ike_path *path)
{
	struct window *w = &sa->window;

	frozen_take(&w->response, datagrams, count);
	w->next_expected++;
	w->working = false;
	frozen_send(sa, &w->response, path);
}

void window_request_answered(struct ike_sa *sa)
{
	struct window *w = &sa->window;

	w->waiting = false;
	w->tries = 0;
	timer_clear(&sa->engine->timers, &w->retransmit);
	frozen_clear(&w->request);
}

void window_repeat_response(struct ike_sa *sa, const struct ike_path *path)
{
	frozen_send(sa, &sa->window.response, path);
	sa->engine->stats.retransmitted++;
}

void window_retransmit_due(struct ike_sa *sa)
{
	struct window *w = &sa->window;
	uint32_t id = w->next_request - 1;
	char why[160];

	if (!w->waiting || init_leave_silent(sa))
		return;
	if (w->tries >= path_patience(sa) && path_fall_back(sa))
		return;
	if (w->tries >= path_patience(sa)) {
		char remote[ENDPOINT_TEXT_MAX];

		snprintf(why, sizeof(why), "%s gave no answer to %s request %u, sent %u times",
			endpoint_print(&sa->path.remote, remote),
			sa->ours ? sa->ours->kind->name : "our", id, w->tries + 1);
		w->waiting = false;
		sa_tell(sa, IKE_EVENT_FAILED, 0, "%s", why);
		sa_doom(sa, SA_END_PEER_GONE, why);
		return;
	}

	w->tries++;
	sa->engine->stats.retransmitted++;
	sa_tell(sa, IKE_EVENT_RETRANSMIT, 1, "retransmit %u of request with message ID %u",
		w->tries, id);
	frozen_send(sa, &w->request, &sa->path);
	path_probe(sa);
	timer_set(&sa->engine->timers, &w->retransmit,
		sa->engine->now + retransmit_after_ns(sa, sa->window.tries));
}

void window_clear(struct ike_sa *sa)
{
	timer_clear(&sa->engine->timers, &sa->window.retransmit);
	frozen_clear(&sa->window.request);
	frozen_clear(&sa->window.response);
	fragments_clear(&sa->window.incoming);
}
