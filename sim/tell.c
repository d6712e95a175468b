/* A workload in words. */
#include "sim/workload.h"

const char *const workload_action_words[ACTION_KINDS] = {
	[ACT_INITIATE] = "initiates",
	[ACT_REKEY_CHILD] = "rekeys the child",
	[ACT_REKEY_IKE] = "rekeys the IKE SA",
	[ACT_REKEY_CHILD_BOTH] = "and the peer rekey the child at once",
	[ACT_REKEY_IKE_BOTH] = "and the peer rekey the IKE SA at once",
	[ACT_INITIATE_BOTH] = "and the peer initiate at once",
	[ACT_SOFT] = "has its plane ask for a rekeying",
	[ACT_REAUTHENTICATE] = "reauthenticates",
	[ACT_PACKETS] = "and the peer send packets",
	[ACT_TERMINATE_CHILD] = "terminates the child",
	[ACT_TERMINATE_IKE] = "terminates the IKE SA",
	[ACT_HARD] = "has its plane end a child",
	[ACT_REFUSE] = "has its plane refuse SAs",
	[ACT_CRASH] = "crashes and restarts later (ms)",
	[ACT_SHUTDOWN] = "shuts down and starts again later (ms)",
	[ACT_CUT] = "is cut off from the peer for (ms)",
	[ACT_REBIND] = "has its NAT box forget",
	[ACT_MOVE] = "moves to another address",
	[ACT_JUMP] = "has its clock leap (ms)",
	[ACT_RELOAD] = "reloads with another option",
	[ACT_UNLOAD] = "unloads the connection and loads it later (ms)",
	[ACT_REDIRECT] = "or the peer redirects the other to its second address",
	[ACT_REDIRECT_NEW] = "redirects whoever begins for (ms)",
	[ACT_REPLAY] = "gets old datagrams from the attacker",
	[ACT_FLOOD] = "is flooded with spoofed IKE_SA_INIT",
	[ACT_ALTER] = "gets altered datagrams from the attacker",
};

const char *const workload_happened_words[HAPPENED_KINDS] = {
	[HAPPENED_IKE_UP] = "IKE SAs came up",
	[HAPPENED_IKE_REKEYED] = "IKE SAs were rekeyed",
	[HAPPENED_REAUTHENTICATED] = "were reauthenticated",
	[HAPPENED_REDIRECTED] = "redirects were followed",
	[HAPPENED_RESUMED] = "sessions were resumed",
	[HAPPENED_CHILD_UP] = "children came up",
	[HAPPENED_CHILD_REKEYED] = "children were rekeyed",
	[HAPPENED_MOVED] = "SAs moved",
	[HAPPENED_INACTIVE] = "children were inactive",
	[HAPPENED_LEASES] = "addresses were leased",
	[HAPPENED_COOKIES] = "cookies were asked for",
	[HAPPENED_LOST_STATE] = "peers showed a QCD token",
	[HAPPENED_ATTACKS] = "datagrams were the attacker's",
};

const char *const workload_feature_words[FEATURE_KINDS] = { "calm", "attacked", "NAT", "mobile",
	"second address", "limits", "QCD", "tickets", "resumption", "childless force or prefer",
	"transport", "pools", "reauth_time", "inactivity", "IKEv1", "aggressive mode" };

static bool chosen(const struct workload *p, const char *key, const char *plain)
{
	for (size_t i = 0; i < p->link_count; i++)
		for (unsigned side = 0; side < 2; side++)
			if (!strstr(plain, workload_choice(&p->links[i], side, key)))
				return true;

	return false;
}

void workload_count(const struct workload *p, uint64_t counts[static FEATURE_KINDS])
{
	bool has[FEATURE_KINDS] = { p->calm, p->attacked };

	for (size_t i = 0; i < p->host_count; i++) {
		const struct workload_host *h = &p->hosts[i];

		has[2] |= h->nat;
		has[3] |= h->mobile;
		has[4] |= h->second;
		has[5] |= h->limits;
		has[6] |= h->options.qcd_secret.size > 0;
		has[7] |= h->options.tickets;
	}
	has[8] = chosen(p, "resumption", "no");
	has[9] = chosen(p, "childless", "allow never");
	for (size_t i = 0; i < p->link_count; i++) {
		has[10] |= p->links[i].transport;
		has[11] |= p->links[i].virtual;
		has[14] |= p->links[i].ikev1;
		has[15] |= p->links[i].aggressive;
	}
	has[12] = chosen(p, "reauth_time", "0");
	has[13] = chosen(p, "inactivity", "0");
	for (size_t i = 0; i < FEATURE_KINDS; i++)
		counts[i] += has[i];
}

static void print_link(const struct workload_link *l, FILE *out)
{
	for (unsigned side = 0; side < 2; side++) {
		fprintf(out, "  h%u to h%u, IKEv%u%s, %u child%s%s%s:", l->host[side],
			l->host[!side], l->ikev1 ? 1 : 2,
			l->aggressive ? " in aggressive mode" : "", l->children,
			l->children == 1 ? "" : "ren", l->transport ? " in transport mode" : "",
			!l->virtual         ? ""
				: side == 0 ? " whose peer has an address of its pool"
					    : " with a virtual address");
		for (unsigned i = 0; i < WORKLOAD_OPTIONS; i++) {
			bool child;
			const char *key = workload_option(i, &child);

			if (l->choices[side][i])
				fprintf(out, " %s%s=%s", child ? "child." : "", key,
					workload_value(l, side, i));
		}
		fprintf(out, "\n");
	}
}

static void print_host(const struct workload_host *h, size_t number, FILE *out)
{
	const struct ike_options *o = &h->options;

	fprintf(out, "  h%zu:", number);
	if (h->nat)
		fprintf(out, " behind a NAT box that keeps mappings for %u s;", h->nat_expire_s);
	fprintf(out, "%s%s%s%s%s cookies above %u, children kept for %llu ms, %u retransmissions\n",
		h->mobile ? " mobile;" : "", h->second ? " with a second address;" : "",
		h->limits ? " options at their limits;" : "", o->tickets ? " tickets;" : "",
		o->qcd_secret.size ? " QCD;" : "", o->cookie_threshold,
		(unsigned long long)(o->child_kept_ns / NS_PER_MS), o->retransmit_tries);
}

static void print_faults(const struct network_faults *f, FILE *out)
{
	fprintf(out,
		"  network: %u%% lost, %u%% doubled, %u%% late, %u%% damaged, %llu ms, mtu %u\n"
		"  answers: after %llu and up to %llu ms, %u%% never, %u%% no\n",
		f->loss_percent, f->duplicate_percent, f->reorder_percent, f->corrupt_percent,
		(unsigned long long)(f->delay_ns / NS_PER_MS), f->mtu,
		(unsigned long long)(f->answer_delay_ns / NS_PER_MS),
		(unsigned long long)((f->answer_delay_ns + f->answer_jitter_ns) / NS_PER_MS),
		f->answer_never_percent, f->answer_no_percent);
}

void workload_print(const struct workload *p, FILE *out)
{
	fprintf(out, "the story of seed %llu%s%s%s:\n", (unsigned long long)p->seed,
		p->calm ? " (calm)" : "", p->attacked ? " (attacked)" : "",
		p->rushed ? " (old responses overtake)" : "");
	print_faults(&p->faults, out);
	for (size_t i = 0; i < p->host_count; i++)
		if (!p->hosts[i].gone)
			print_host(&p->hosts[i], i, out);
	for (size_t i = 0; i < p->link_count; i++)
		if (!p->links[i].gone)
			print_link(&p->links[i], out);
	for (size_t i = 0; i < p->action_count; i++) {
		const struct action *a = &p->actions[i];

		if (!a->gone)
			fprintf(out, "  %9.3f s h%u (to h%u) %s [%u]\n", (double)a->at_ms / 1000,
				p->links[a->link].host[a->side], p->links[a->link].host[!a->side],
				workload_action_words[a->kind], a->value);
	}
}
