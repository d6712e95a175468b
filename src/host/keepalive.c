/* NAT-keepalives: one octet, 0xff, from behind a NAT to each peer to whom nothing else, neither IKE
 * nor ESP, went for as long as `keep_alive` says, so that the NAT keeps its mapping (RFC 3948 §4,
 * RFC 7296 §2.23). Paths count, not SAs: an SA that moves is looked at where it is now, and two that
 * share a path need one octet. */
#include <stdlib.h>
#include <string.h>

#include "host/host.h"

/* What is due within this part of the interval is sent together. */
#define TOGETHER 16

/* A path that needs keeping, and when something last went along it. */
struct keepalive {
	struct ike_path path;
	ike_time sent_at;
};

static int endpoint_order(const struct endpoint *a, const struct endpoint *b)
{
	if (a->address.family != b->address.family)
		return a->address.family < b->address.family ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return address_compare(&a->address, &b->address);
}

/* By path; the one that was used last first. */
static int path_order(const void *one, const void *other)
{
	const struct keepalive *a = one, *b = other;
	int order = endpoint_order(&a->path.remote, &b->path.remote);

	return order ? order : endpoint_order(&a->path.local, &b->path.local);
}

static int use_order(const void *one, const void *other)
{
	const struct keepalive *a = one, *b = other;
	int order = path_order(a, b);

	return order ? order : (a->sent_at < b->sent_at) - (a->sent_at > b->sent_at);
}

static void send_keepalive(struct host *h, const struct ike_path *path)
{
	static const uint8_t octet = 0xff;
	const struct datagram d = { .path = *path, .data = BYTES(&octet, 1) };
	struct datagram_socket *s = udp_socket(&h->udp, path);

	if (s && s->port == h->udp.port_nat_t)
		(void)datagram_send(s, &d, 1);
}

/* When IKE or ESP last went to the peer. */
static ike_time sa_sent_at(struct host *h, const struct ike_sa_view *sa)
{
	struct ike_child_view child;
	struct esp_child_stats stats;
	ike_time at = sa->sent_at;
	size_t position = 0;

	while (ike_next_child(h->engine, sa->id, &position, &child)) {
		if (h->data_plane->child_stats(h, child.id, &stats) == 0 &&
			stats.out.last_used > at)
			at = stats.out.last_used;
	}
	return at;
}

static bool needs_keeping(const struct ike_sa_view *sa)
{
	return sa->established_at && sa->nat_local && !sa->nat_fake;
}

/* All paths that need keeping, each once and sorted. Where memory runs out some are missing. */
static struct keepalive_list find_paths(struct host *h)
{
	struct keepalive_list list = { 0 };
	struct ike_sa_view sa;
	size_t position = 0, room = 0, count = 0;

	while (ike_next_sa(h->engine, &position, &sa)) {
		if (!needs_keeping(&sa))
			continue;
		if (list.count == room) {
			size_t more = room ? 2 * room : 16;
			struct keepalive *all = realloc(list.all, more * sizeof(*all));

			if (!all)
				break;
			list.all = all;
			room = more;
		}
		list.all[list.count++] = (struct keepalive){ sa.path, sa_sent_at(h, &sa) };
	}
	if (list.count)
		qsort(list.all, list.count, sizeof(*list.all), use_order);
	for (size_t i = 0; i < list.count; i++)
		if (!count || path_order(&list.all[i], &list.all[count - 1]))
			list.all[count++] = list.all[i];
	list.count = count;
	return list;
}

/* Sends what is due and returns when to look again. A path that becomes one to be kept does so with
 * a message of ours: it isn't due for as long as looking again takes at most. */
static ike_time keep(struct host *h, ike_time now, ike_time interval)
{
	struct keepalive_list before = h->keepalives;
	ike_time next = now + interval;

	h->keepalives = find_paths(h);
	for (size_t i = 0; i < h->keepalives.count; i++) {
		struct keepalive *k = &h->keepalives.all[i];
		const struct keepalive *kept = before.count
			? bsearch(k, before.all, before.count, sizeof(*k), path_order)
			: NULL;

		if (kept && kept->sent_at > k->sent_at)
			k->sent_at = kept->sent_at;
		if (now >= k->sent_at + interval) {
			send_keepalive(h, &k->path);
			k->sent_at = now;
		}
		if (k->sent_at + interval < next)
			next = k->sent_at + interval;
	}
	free(before.all);
	return next;
}

static void on_look(uv_timer_t *timer)
{
	struct host *h = timer->data;
	const ike_time now = host_now(h), interval = h->settings.keep_alive_s * NS_PER_SECOND;
	const ike_time next = keep(h, now, interval);
	uint64_t ms = (next - now + NS_PER_MS - 1) / NS_PER_MS;
	const uint64_t least = interval / TOGETHER / NS_PER_MS;

	uv_timer_start(timer, on_look, ms > least ? ms : least, 0);
}

int keepalive_start(struct host *h)
{
	uint64_t ms = h->settings.keep_alive_s * 1000;

	uv_timer_init(&h->loop, &h->keepalive);
	h->keepalive.data = h;
	return ms ? uv_timer_start(&h->keepalive, on_look, ms, 0) : 0;
}

void keepalive_stop(struct host *h)
{
	free(h->keepalives.all);
	h->keepalives = (struct keepalive_list){ 0 };
}
