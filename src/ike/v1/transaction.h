/* What comes between phase 1 and an SA that stands: XAUTH, then mode config, in transaction exchanges
 * (draft-dukes-ike-mode-cfg-02). Who gives addresses may also be asked later. */
#pragma once

#include "ike/v1/ikev1.h"
#include "ike/v2/configuration.h"

/* The data of every transaction exchange. */
struct v1_transaction_data {
	struct bytes user, password; /* XAUTH, as server: what was answered; in the arena */
	bool goes_on;                /* what this was for has been done */
	bool refused;                /* the SA ends with it, because of sa->v1->trouble */
};

extern const struct message_rule v1_transaction_message;

/* Of struct exchange_kind, for those that we begin. */
void v1_transaction_failed(struct exchange *x, const char *why);

/* The ATTRIBUTES payload of the message that came, and one in what we build. An answer repeats the
 * identifier. */
bool v1_attributes_in(const struct exchange *x, struct v1_attributes *ret);
struct writer *v1_attributes_put(struct exchange *x, uint8_t type);

/* A step that hears the answer to a SET of ours: rejects what is no ACK, saying so by `otherwise`. */
enum step v1_acknowledged(struct exchange *x, const char *otherwise);

/* Whether the ATTRIBUTES payload is of XAUTH. */
bool v1_attributes_are_xauth(struct bytes body);

/* What a text of the peer is for people. */
char *v1_text_print(struct bytes from, char *out, size_t out_size);

/* xauth.c */

enum v1_xauth_role { V1_XAUTH_NONE, V1_XAUTH_SERVER, V1_XAUTH_CLIENT };

enum v1_xauth_role v1_xauth_role(const struct ike_sa *sa); /* by the method that was agreed on */
extern const struct exchange_kind v1_xauth_request, v1_xauth_status;
step_fn v1_xauth_answer, v1_xauth_take_status;

/* unity.c */

/* As client: an attribute of Unity is told to people, and where we said that we take them (cisco_unity)
 * heeded. False: it is none. */
bool v1_unity_take(struct ike_sa *sa, const struct v1_attribute *a);

/* mode_config.c */

bool v1_config_is_client(const struct ike_sa *sa);
bool v1_config_gives(const struct ike_sa *sa);
extern const struct exchange_kind v1_config_request, v1_config_set;
step_fn v1_config_give, v1_config_take;
