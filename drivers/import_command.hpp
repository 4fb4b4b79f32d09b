#pragma once

namespace CLI {
class App;
}

namespace breakeven {

/// `breakeven import idx | csv | npy`.
void add_import(CLI::App& app);

}  // namespace breakeven
