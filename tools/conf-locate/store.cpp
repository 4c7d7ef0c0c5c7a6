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
    " PRIMARY KEY (realm, name)) WITHOUT ROWID;"};

}  // namespace

// The database. Owner: the store thread, except while `load` runs before anything was posted there.
class Store::Disk {
public:
    Disk(std::string path, std::string realm) : path_(std::move(path)), realm_(std::move(realm)) {}

    std::vector<Change> load() {
        io::Database database(path_, io::Database::Sync::full);
        database.migrate(kSchema, static_cast<int>(std::size(kSchema)));
        std::vector<Change> all;
        auto rows = database.prepare("SELECT number, passcode, name, max_members, bridge FROM conferences WHERE realm = ?1");
        rows.bind(1, realm_);
        while (rows.step())
            all.push_back(Conference{rows.text(0), rows.text(1), rows.text(2), static_cast<std::uint32_t>(rows.integer(3)), rows.text(4)});
        auto numbers = database.prepare("SELECT number, conference FROM dnis WHERE realm = ?1");
        numbers.bind(1, realm_);
        while (numbers.step()) all.push_back(AccessNumber{numbers.text(0), numbers.text(1)});
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
        statement("INSERT OR REPLACE INTO conferences VALUES (?1, ?2, ?3, ?4, ?5, ?6)")
            .bind(2, conference.number)
            .bind(3, conference.passcode)
            .bind(4, conference.name)
            .bind(5, static_cast<std::int64_t>(conference.max_members))
            .bind(6, conference.bridge)
            .run();
    }
    void put(const EraseConference& gone) {
        statement("DELETE FROM conferences WHERE realm = ?1 AND number = ?2").bind(2, gone.number).run();
        statement("DELETE FROM dnis WHERE realm = ?1 AND conference = ?2").bind(2, gone.number).run();
    }
    void put(const AccessNumber& access) {
        statement("INSERT OR REPLACE INTO dnis VALUES (?1, ?2, ?3)").bind(2, access.number).bind(3, access.conference).run();
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
