// What sip-registrar's control socket understands.
#include "local/messages.hpp"

namespace confab::local {
namespace {

constexpr Field kAddress[] = {{"address", FieldType::text, true, "an address, sip:user@host, or a GRUU, which means the contacts of one device"}};
constexpr Field kLookupReply[] = {
    {"known", FieldType::flag, true, "whether a user with this address exists"},
    {"contacts", FieldType::list, true, "objects of contact, q (thousandths), expires (seconds left), path, received, instance, reg_id, reachable; best first"},
};
constexpr Field kVerify[] = {
    {"username", FieldType::text, true, "of the digest answer"},
    {"realm", FieldType::text, true, "of the digest answer"},
    {"algorithm", FieldType::text, true, "MD5, SHA-256 or SHA-512-256"},
    {"method", FieldType::text, true, "the request's method"},
    {"uri", FieldType::text, true, "of the digest answer"},
    {"nonce", FieldType::text, true, "already judged by who asks"},
    {"nc", FieldType::text, true, "eight hexadecimal digits, empty without qop"},
    {"cnonce", FieldType::text, true, "of the digest answer"},
    {"qop", FieldType::text, true, "auth or empty"},
    {"response", FieldType::text, true, "the digest to compare", true},
};
constexpr Field kVerifyReply[] = {
    {"valid", FieldType::flag, true, "whether the digest is that user's"},
    {"user", FieldType::text, true, "who it is, empty when not valid"},
};
constexpr Field kCredentials[] = {
    {"user", FieldType::text, true, "the user's name"},
    {"realm", FieldType::text, true, "the realm of the hashes"},
};
constexpr Field kCredentialsReply[] = {
    {"known", FieldType::flag, true, "whether there is such a user"},
    {"ha1_md5", FieldType::text, true, "hexadecimal H(user:realm:password), or empty", true},
    {"ha1_sha256", FieldType::text, true, "the same with SHA-256", true},
    {"ha1_sha512_256", FieldType::text, true, "the same with SHA-512-256", true},
};
constexpr Field kRealmReply[] = {{"realm", FieldType::text, true, "the realm of all users"}};
constexpr Field kFlow[] = {{"flow", FieldType::text, true, "the token in the Path of the flow's bindings"}};
constexpr Field kFlowReply[] = {
    {"changed", FieldType::flag, true, "whether a binding went"},
    {"removed", FieldType::integer, true, "how many bindings went"},
};
constexpr Field kContacts[] = {{"address", FieldType::text, false, "only this address"}};
constexpr Field kAlgorithm[] = {{"algorithm", FieldType::text, true, "MD5, SHA-256 or SHA-512-256"}};
constexpr Field kContactsReply[] = {
    {"address", FieldType::text, true, "who is reached"},
    {"contact", FieldType::text, true, "where, as registered"},
    {"q", FieldType::integer, true, "preference in thousandths"},
    {"expires", FieldType::integer, true, "seconds left"},
    {"path", FieldType::text, true, "the Path to take, or empty"},
    {"received", FieldType::text, true, "where the REGISTER came from"},
    {"instance", FieldType::text, true, "the device's +sip.instance, or empty"},
    {"reg_id", FieldType::integer, true, "which flow of the device (RFC 5626), 0 without outbound"},
    {"reachable", FieldType::flag, true, "whether it answers OPTIONS, where it is asked"},
    {"user", FieldType::text, true, "who proved himself"},
    {"scheme", FieldType::text, true, "and how"},
    {"user_agent", FieldType::text, true, "what the device calls itself"},
};
constexpr Field kAlgorithmsReply[] = {
    {"algorithm", FieldType::text, true, "MD5, SHA-256 or SHA-512-256"},
    {"offered", FieldType::flag, true, "whether challenges offer it"},
    {"proven", FieldType::integer, true, "requests proven with it since the start"},
};
constexpr Field kUserSecrets[] = {
    {"user", FieldType::text, true, "the user's name"},
    {"ha1_md5", FieldType::text, true, "hexadecimal H(user:realm:password)", true},
    {"ha1_sha256", FieldType::text, true, "the same with SHA-256", true},
    {"ha1_sha512_256", FieldType::text, true, "the same with SHA-512-256", true},
};
constexpr Field kUser[] = {{"user", FieldType::text, true, "the user's name"}};
constexpr Field kChanged[] = {{"changed", FieldType::flag, true, "whether anything changed"}};
constexpr Field kUsers[] = {
    {"users", FieldType::list, true, "objects of user, ha1_md5, ha1_sha256, ha1_sha512_256; a hash that is not known is an empty text", true},
};
constexpr Field kImportReply[] = {
    {"changed", FieldType::flag, true, "whether anything changed"},
    {"added", FieldType::integer, true, "users that are new"},
    {"replaced", FieldType::integer, true, "users whose hashes were others"},
    {"unchanged", FieldType::integer, true, "users who had these hashes"},
    {"refused", FieldType::list, true, "objects of row (from 0) and message"},
};
constexpr Field kUserExportReply[] = {
    {"user", FieldType::text, true, "the user's name"},
    {"ha1_md5", FieldType::text, true, "hexadecimal H(user:realm:password), or empty", true},
    {"ha1_sha256", FieldType::text, true, "the same with SHA-256", true},
    {"ha1_sha512_256", FieldType::text, true, "the same with SHA-512-256", true},
};
constexpr Field kUserListReply[] = {
    {"user", FieldType::text, true, "the user's name"},
    {"addresses", FieldType::list, true, "the addresses that the user may bind"},
    {"contacts", FieldType::integer, true, "live bindings of these addresses"},
};

constexpr Command kCommands[] = {
    {"lookup", "", "where an address can be reached now", kAddress, kLookupReply},
    {"verify", "", "compare a digest answer with the user's stored hash; who asks has judged the nonce", kVerify, kVerifyReply},
    {"credentials", "", "a user's hashes, for a registrar whose user-database is this socket", kCredentials, kCredentialsReply},
    {"realm", "", "the realm of all users, which clients need to hash passwords", {}, kRealmReply},
    {"flow-gone", "", "forget the bindings of a flow that has died", kFlow, kFlowReply, false, true},
    {"contacts", "contacts", "list the live bindings", kContacts, kContactsReply, true},
    {"algorithms", "algorithms", "which digest algorithms are in use", {}, kAlgorithmsReply, true},
    {"algorithm-contacts", "algorithm contacts", "list the live bindings whose last REGISTER was proven with an algorithm", kAlgorithm, kContactsReply, true},
    {"user-add", "", "add a user by hashes; the password never travels", kUserSecrets, kChanged, false, true},
    {"user-passwd", "", "replace a user's hashes", kUserSecrets, kChanged, false, true},
    {"user-del", "user del", "remove a user and the user's bindings", kUser, kChanged, false, true},
    {"user-import", "", "add and replace many users by hashes, all that are good with one commit", kUsers, kImportReply, false, true},
    {"user-export", "", "all users with their hashes, which are as good as passwords here", {}, kUserExportReply, true},
    {"user-list", "user list", "list the users", {}, kUserListReply, true},
};
constexpr Vocabulary kVocabulary{"sip-registrar", kCommands, {}};

}  // namespace

const Vocabulary& registrar_vocabulary() { return kVocabulary; }

}  // namespace confab::local
