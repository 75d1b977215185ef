"""Released model files: which there are and under which licences, where they lie, how they get there whole."""
