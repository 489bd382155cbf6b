"""The completion network (Table 2 of the paper) and its completions: photograph and holes in, rough fills out."""
