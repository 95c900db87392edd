"""One page a file, run as scripts by Streamlit."""
