#include "conf-locate/store.hpp"

#include <iterator>
#include <optional>

#include "io/sqlite.hpp"

namespace confab::locate {
namespace {

constexpr const char* kSchema[] = {
    "CREATE TABLE conferences (realm TEXT NOT NULL, number TEXT NOT NULL, passcode TEXT NOT NULL, name TEXT NOT NULL, max_members INTEGER NOT NULL,"
    " bridge TEXT NOT NULL, PRIMARY KEY (realm, number)) WITHOUT ROWID;"
    "CREATE TABLE dnis (realm TEXT NOT NULL, number TEXT NOT NULL, conference TEXT NOT NULL, PRIMARY KEY (realm, number)) WITHOUT ROWID;"
    "CREATE TABLE bridges (realm TEXT NOT NULL, name TEXT NOT NULL, address TEXT NOT NULL, capacity INTEGER NOT NULL, alive INTEGER NOT NULL,"
    " PRIMARY KEY (realm, name)) WITHOUT ROWID;",
    "ALTER TABLE conferences ADD COLUMN leader_pin TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE conferences ADD COLUMN security_code TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE conferences ADD COLUMN wait_for_host INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE conferences ADD COLUMN lobby INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE conferences ADD COLUMN host_leaves TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE conferences ADD COLUMN language TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE conferences ADD COLUMN announce TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE conferences ADD COLUMN starts TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE conferences ADD COLUMN ends TEXT NOT NULL DEFAULT '';"
    "ALTER TABLE dnis ADD COLUMN language TEXT NOT NULL DEFAULT '';",
    "ALTER TABLE conferences ADD COLUMN home TEXT NOT NULL DEFAULT '';"};

Conference conference_of(io::Statement& row) {
    return {.number = row.text(0),
            .passcode = row.text(1),
            .name = row.text(2),
            .max_members = static_cast<std::uint32_t>(row.integer(3)),
            .bridge = row.text(4),
            .entry = {.leader_pin = row.text(5),
                      .security_code = row.text(6),
                      .wait_for_host = row.integer(7) != 0,
                      .lobby = row.integer(8) != 0,
                      .host_leaves = row.text(9),
                      .language = row.text(10),
                      .announce = row.text(11),
                      .starts = row.text(12),
                      .ends = row.text(13)},
            .home = row.text(14)};
}

}  // namespace

// The database. Owner: the store thread, except while `load` runs before anything was posted there.
class Store::Disk {
public:
    Disk(std::string path, std::string realm) : path_(std::move(path)), realm_(std::move(realm)) {}

    std::vector<Change> load() {
        io::Database database(path_, io::Database::Sync::full);
        database.migrate(kSchema, static_cast<int>(std::size(kSchema)));
        std::vector<Change> all;
        auto rows = database.prepare(
            "SELECT number, passcode, name, max_members, bridge, leader_pin, security_code, wait_for_host, lobby, host_leaves, language, announce, starts, ends,"
            " home"
            " FROM conferences WHERE realm = ?1");
        rows.bind(1, realm_);
        while (rows.step()) all.push_back(conference_of(rows));
        auto numbers = database.prepare("SELECT number, conference, language FROM dnis WHERE realm = ?1");
        numbers.bind(1, realm_);
        while (numbers.step()) all.push_back(AccessNumber{numbers.text(0), numbers.text(1), numbers.text(2)});
        auto bridges = database.prepare("SELECT name, address, capacity, alive FROM bridges WHERE realm = ?1");
        bridges.bind(1, realm_);
        while (bridges.step())
            all.push_back(BridgeEntry{bridges.text(0), bridges.text(1), static_cast<std::uint32_t>(bridges.integer(2)), bridges.integer(3) != 0});
        return all;
    }

    // The error is a sentence, empty when the change is written.
    std::string commit(const Change& change) {
        try {
            if (!database_) database_.emplace(path_, io::Database::Sync::full);
            database_->in_transaction([&] { std::visit([&](const auto& one) { put(one); }, change); });
            return {};
        } catch (const std::exception& error) {
            database_.reset();  // opened anew for the next attempt: the file may have been replaced
            return error.what();
        }
    }

private:
    io::Statement statement(std::string_view sql) {
        auto prepared = database_->prepare(sql);
        prepared.bind(1, realm_);
        return prepared;
    }

    void put(const Conference& conference) {
        const auto& entry = conference.entry;
        statement("INSERT OR REPLACE INTO conferences VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)")
            .bind(2, conference.number)
            .bind(3, conference.passcode)
            .bind(4, conference.name)
            .bind(5, static_cast<std::int64_t>(conference.max_members))
            .bind(6, conference.bridge)
            .bind(7, entry.leader_pin)
            .bind(8, entry.security_code)
            .bind(9, static_cast<std::int64_t>(entry.wait_for_host))
            .bind(10, static_cast<std::int64_t>(entry.lobby))
            .bind(11, entry.host_leaves)
            .bind(12, entry.language)
            .bind(13, entry.announce)
            .bind(14, entry.starts)
            .bind(15, entry.ends)
            .bind(16, conference.home)
            .run();
    }
    void put(const EraseConference& gone) {
        statement("DELETE FROM conferences WHERE realm = ?1 AND number = ?2").bind(2, gone.number).run();
        statement("DELETE FROM dnis WHERE realm = ?1 AND conference = ?2").bind(2, gone.number).run();
    }
    void put(const AccessNumber& access) {
        statement("INSERT OR REPLACE INTO dnis VALUES (?1, ?2, ?3, ?4)").bind(2, access.number).bind(3, access.conference).bind(4, access.language).run();
    }
    void put(const EraseAccessNumber& gone) { statement("DELETE FROM dnis WHERE realm = ?1 AND number = ?2").bind(2, gone.number).run(); }
    void put(const BridgeEntry& bridge) {
        statement("INSERT OR REPLACE INTO bridges VALUES (?1, ?2, ?3, ?4, ?5)")
            .bind(2, bridge.name)
            .bind(3, bridge.address)
            .bind(4, static_cast<std::int64_t>(bridge.capacity))
            .bind(5, static_cast<std::int64_t>(bridge.alive))
            .run();
    }
    void put(const EraseBridge& gone) { statement("DELETE FROM bridges WHERE realm = ?1 AND name = ?2").bind(2, gone.name).run(); }

    std::string path_, realm_;
    std::optional<io::Database> database_;
};

Store::Store(io::Loop& loop, const std::string& directory, const std::string& realm)
    : loop_(loop), disk_(std::make_unique<Disk>(directory + "/locate.db", realm)), worker_("locate-store") {}

Store::~Store() = default;

std::vector<Change> Store::load() { return disk_->load(); }

void Store::write(Change change, Done done) {
    ++queued_;
    worker_.loop().post([this, change = std::move(change), done = std::move(done), alive = std::weak_ptr<bool>(alive_)] {
        auto error = disk_->commit(change);
        loop_.post([this, error = std::move(error), done, alive] {
            if (alive.expired()) return;
            --queued_;
            done(error);
        });
    });
}

}  // namespace confab::locate
