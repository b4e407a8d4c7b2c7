#include "actors/ready_made.hpp"

#include <steward/app.hpp>

int main(int argc, char** argv) {
  steward::app app;
  steward::ready_made::register_all(app.tasks(), app.actors());
  return app.main(argc, argv);
}
